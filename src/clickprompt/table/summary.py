"""What a reader of the report wants to know of the data: counts, shares, frequent values, cold rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clickprompt.contracts import MISSING, SplitName, TableSchema
from clickprompt.table.factors import Factors
from clickprompt.table.lists import ListFactors
from clickprompt.table.values import Values

_MOST_FREQUENT = 5


def summarise(
    schema: TableSchema,
    values: Values,
    factors: Sequence[Factors],
    counts: Mapping[SplitName, Sequence[np.ndarray]],
    positives: Mapping[SplitName, int],
) -> dict[str, Any]:
    """`splits`: rows and positives of each; `fields`: sizes, frequent values, shares unseen in training and missing.

    `counts`: by split, rows that hold each code of each field. Lists have their mean length in training rows besides,
    hashed fields the distinct texts that share a row on average.
    """
    sizes = {name: int(of[0].sum()) for name, of in counts.items()}
    return {
        "splits": {
            name: {"rows": rows, "positives": positives[name], "positive_share": round(positives[name] / rows, 6)}
            for name, rows in sizes.items()
        },
        "fields": {
            name: _field(schema, place, values, factors[place], {split: of[place] for split, of in counts.items()})
            for place, name in enumerate(schema.names)
        },
    }


def _field(
    schema: TableSchema, place: int, values: Values, factors: Factors, counts: Mapping[SplitName, np.ndarray]
) -> dict[str, Any]:
    field = schema.fields[place]
    start, stop = map(int, values.offsets[place : place + 2])
    owned = int(values.offsets[-1])
    mine = np.flatnonzero(values.fields == place)
    distinct = mine[mine >= owned] if field.borrows else mine
    frequent = distinct if field.hash_rows is not None else mine[mine < owned]
    of_code = values.value_of_code[place]
    missing = np.array([text == MISSING for text in factors.texts])
    outside = values.embedding_rows[of_code] == owned + place
    about: dict[str, Any] = {}
    if isinstance(factors, ListFactors):
        assert values.members is not None
        outside = values.members.any(values.members.rows == owned + place)[of_code]
        held = counts["train"]
        about["mean_length"] = round(float((values.members.lengths[of_code] - missing) @ held / held.sum()), 3)
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
        "share_outside_vocabulary": {name: _share(of, outside) for name, of in counts.items()},
        "share_missing": {name: _share(of, missing) for name, of in counts.items()},
        **about,
    }


def _share(counts: np.ndarray, marked: np.ndarray) -> float:
    return round(float(counts[marked].sum() / counts.sum()), 6)
