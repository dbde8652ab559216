"""What a reader of the report wants to know of the data: counts, shares, frequent values, cold rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clickprompt.contracts import MISSING, SplitName
from clickprompt.table.factors import Factors
from clickprompt.table.lists import ListFactors
from clickprompt.table.raw import RawTable
from clickprompt.table.values import Values

_MOST_FREQUENT = 5


def summarise(
    table: RawTable,
    values: Values,
    factors: Sequence[Factors],
    ids: Mapping[SplitName, np.ndarray],
    labels: Mapping[SplitName, np.ndarray],
) -> dict[str, Any]:
    """`splits`: rows and positives of each; `fields`: sizes, frequent values, shares unseen in training and missing.

    Lists have their mean length in training rows besides, hashed fields the distinct texts that share a row on average.
    """
    return {
        "splits": {
            name: {"rows": len(split), "positives": int(split.sum()), "positive_share": _share(split)}
            for name, split in labels.items()
        },
        "fields": {
            name: _field(place, table, values, factors[place], ids) for place, name in enumerate(table.schema.names)
        },
    }


def _field(
    place: int, table: RawTable, values: Values, factors: Factors, ids: Mapping[SplitName, np.ndarray]
) -> dict[str, Any]:
    field = table.schema.fields[place]
    start, stop = map(int, values.offsets[place : place + 2])
    owned = int(values.offsets[-1])
    mine = np.flatnonzero(values.fields == place)
    distinct = mine[mine >= owned] if field.borrows else mine
    missing = np.array([index for index in distinct if values.texts[index] == MISSING])
    frequent = distinct if field.hash_rows is not None else mine[mine < owned]
    outside = values.embedding_rows == owned + place
    about: dict[str, Any] = {}
    if isinstance(factors, ListFactors):
        assert values.members is not None
        outside = values.members.any(values.members.rows == owned + place)
        held = ids["train"][:, place]
        about["mean_length"] = round(float((values.members.lengths[held] - np.isin(held, missing)).mean()), 3)
    if field.hash_rows is not None:
        texts = factors.items if isinstance(factors, ListFactors) else factors.texts
        about["texts_per_row"] = round(len(texts) / field.hash_rows, 3)
    return {
        "kind": field.kind,
        "side": field.side,
        "embedding_rows": stop - start,
        "distinct_values": len(distinct),
        "most_frequent": [
            [values.texts[index], int(values.train_counts[index])] for index in frequent[:_MOST_FREQUENT]
        ],
        "share_outside_vocabulary": {name: _share(outside[split[:, place]]) for name, split in ids.items()},
        "share_missing": {name: _share(np.isin(split[:, place], missing)) for name, split in ids.items()},
        **about,
    }


def _share(rows: np.ndarray) -> float:
    return round(float(rows.mean()), 6)
