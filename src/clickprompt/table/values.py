"""Value indices: which distinct values earn an embedding row, and where every value finds its own.

With V rows earned over all F fields and N values in all: value x < V owns embedding row x, field by field, the most
frequent in training first. Values in [V, N) borrow: a raw number its bucket's row, a hashed text its hash's, a rare or
unseen value the out-of-vocabulary row V + f of its field f. A list cell is a value in [V, N) too; the rows of its items
are its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clickprompt.contracts import MOST_ROWS, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table.buckets import Buckets
from clickprompt.table.candidates import find_candidates, ranking
from clickprompt.table.factors import Factors
from clickprompt.table.lists import ListFactors
from clickprompt.table.members import Members, offsets_of


@dataclass(frozen=True)
class Values:
    """All values of a table, in index order."""

    texts: list[str]
    fields: np.ndarray
    """uint16 (N,): field of each value."""
    embedding_rows: np.ndarray
    """int32 (N,)"""
    train_counts: np.ndarray
    """int64 (N,): training rows that hold the value."""
    offsets: np.ndarray
    """int64 (F + 1,): field f owns embedding rows offsets[f] : offsets[f + 1]."""
    value_of_code: tuple[np.ndarray, ...]
    """For each field, int32: the value index of each of its factors' codes."""
    buckets: dict[str, Buckets]
    """By numeric field."""
    members: Members | None
    """Embedding rows of the items of each value, none for values that are no list; None where no field is a list."""


def number_values(
    schema: TableSchema,
    factors: Sequence[Factors],
    counts_of: Sequence[np.ndarray],
    min_count: int,
    numeric_buckets: int,
) -> Values:
    """Number the values of each field by how many training rows hold them, int64 (distinct,) a field.

    Raises ClickPromptError where hashed fields ask for more embedding rows than there are numbers.
    """
    hashed = sum(field.hash_rows or 0 for field in schema.fields)
    if hashed + len(schema.fields) > MOST_ROWS:
        raise ClickPromptError(
            f"hash_rows of all fields, and an OOV row each, come to {hashed + len(schema.fields):,} embedding rows; at "
            f"most {MOST_ROWS:,} fit: lower hash_rows"
        )
    candidates = [
        find_candidates(field, factor, counts, min_count, numeric_buckets)
        for field, factor, counts in zip(schema.fields, factors, counts_of, strict=True)
    ]
    offsets = offsets_of(np.array([found.earned for found in candidates]))
    owned = int(offsets[-1])
    texts: list[str] = []
    fields: list[np.ndarray] = []
    rows: list[np.ndarray] = [np.arange(owned)]
    counts: list[np.ndarray] = []
    members: list[Members] = []

    def add(place: int, from_texts: list[str], from_counts: np.ndarray, chosen: np.ndarray) -> None:
        texts.extend(from_texts[code] for code in chosen)
        fields.append(np.full(len(chosen), place))
        counts.append(from_counts[chosen])

    for place, found in enumerate(candidates):
        add(place, found.texts, found.counts, found.order[: found.earned])

    value_of_code: list[np.ndarray] = []
    buckets: dict[str, Buckets] = {}
    for place, (field, factor, found) in enumerate(zip(schema.fields, factors, candidates, strict=True)):
        row_of_candidate = found.row_of(int(offsets[place]), owned + place)
        index = np.empty(len(factor.texts), dtype=np.int32)
        if field.borrows:
            rest = ranking(factor.ranks, counts_of[place])
        else:
            index[found.order[: found.earned]] = offsets[place] + np.arange(found.earned)
            rest = found.order[found.earned :]
        index[rest] = len(texts) + np.arange(len(rest))
        if found.of_text is not None:
            rows.append(row_of_candidate[found.of_text[rest]])
        else:
            rows.append(np.full(len(rest), owned + place))
        if found.edges is not None:
            buckets[field.name] = Buckets(found.edges, row_of_candidate.astype(np.int32))
        if isinstance(factor, ListFactors):
            assert found.of_item is not None
            lists = factor.members.take(rest)
            members.append(_empty(len(texts) - sum(map(len, members))))
            members.append(Members(lists.offsets, row_of_candidate[found.of_item[lists.rows]].astype(np.int32)))
        add(place, factor.texts, counts_of[place], rest)
        value_of_code.append(index)
    return Values(
        texts=texts,
        fields=np.concatenate(fields).astype(np.uint16),
        embedding_rows=np.concatenate(rows).astype(np.int32),
        train_counts=np.concatenate(counts).astype(np.int64),
        offsets=offsets,
        value_of_code=tuple(value_of_code),
        buckets=buckets,
        members=_end_to_end(members, len(texts)) if members else None,
    )


def _empty(lists: int) -> Members:
    return Members(np.zeros(lists + 1, dtype=np.int64), np.empty(0, dtype=np.int32))


def _end_to_end(parts: list[Members], values: int) -> Members:
    parts = [*parts, _empty(values - sum(map(len, parts)))]
    lengths = np.concatenate([part.lengths for part in parts])
    return Members(offsets_of(lengths), np.concatenate([part.rows for part in parts]))
