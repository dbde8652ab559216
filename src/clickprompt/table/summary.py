"""What a reader of the report wants to know of the data: counts, shares, frequent values, cold rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clickprompt.contracts import MISSING, SplitName
from clickprompt.table.raw import RawTable
from clickprompt.table.values import Values

_MOST_FREQUENT = 5


def summarise(
    table: RawTable,
    values: Values,
    ids: Mapping[SplitName, np.ndarray],
    labels: Mapping[SplitName, np.ndarray],
) -> dict[str, Any]:
    """`splits`: rows and positives of each; `fields`: sizes, frequent values, shares unseen in training and missing."""
    return {
        "splits": {
            name: {"rows": len(split), "positives": int(split.sum()), "positive_share": _share(split)}
            for name, split in labels.items()
        },
        "fields": {name: _field(place, table, values, ids) for place, name in enumerate(table.schema.names)},
    }


def _field(place: int, table: RawTable, values: Values, ids: Mapping[SplitName, np.ndarray]) -> dict[str, Any]:
    field = table.schema.fields[place]
    start, stop = map(int, values.offsets[place : place + 2])
    owned = int(values.offsets[-1])
    mine = np.flatnonzero(values.fields == place)
    distinct = mine[mine >= owned] if field.kind == "numeric" else mine
    missing = np.array([index for index in distinct if values.texts[index] == MISSING])
    return {
        "kind": field.kind,
        "side": field.side,
        "embedding_rows": stop - start,
        "distinct_values": len(distinct),
        "most_frequent": [
            [values.texts[index], int(values.train_counts[index])]
            for index in range(start, min(start + _MOST_FREQUENT, stop))
        ],
        "share_outside_vocabulary": {
            name: _share(values.embedding_rows[split[:, place]] == owned + place) for name, split in ids.items()
        },
        "share_missing": {name: _share(np.isin(split[:, place], missing)) for name, split in ids.items()},
    }


def _share(rows: np.ndarray) -> float:
    return round(float(rows.mean()), 6)
