"""Value indices: which distinct values earn an embedding row, and where every value finds its own.

With V rows earned over all F fields and N values in all: value x < V owns embedding row x, field by field, the most
frequent in training first. Values in [V, N) borrow a row: a raw number its bucket's, a rare or unseen value the
out-of-vocabulary row V + f of its field f.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickprompt.contracts import TableSchema
from clickprompt.table.buckets import Buckets, fit_edges
from clickprompt.table.factors import Factors


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


@dataclass(frozen=True)
class _Ranked:
    """Candidates of one field for embedding rows, ordered: those that earn one, then the rest."""

    texts: list[str]
    counts: np.ndarray
    order: np.ndarray
    earned: int


def number_values(
    schema: TableSchema, factors: Sequence[Factors], train: np.ndarray, min_count: int, numeric_buckets: int
) -> Values:
    """Number the values of each field; everything fitted is fitted on the rows `train`."""
    candidates: list[_Ranked] = []
    raw: list[_Ranked] = []
    edges: dict[int, np.ndarray] = {}
    for place, (field, factor) in enumerate(zip(schema.fields, factors, strict=True)):
        counts = np.bincount(factor.codes[train], minlength=len(factor.texts))
        if field.kind == "numeric":
            numbers = factor.numbers()
            edges[place] = fit_edges(numbers, counts, numeric_buckets)
            buckets = Buckets.over(edges[place], numbers)
            bucket_counts = np.bincount(buckets, weights=counts, minlength=len(edges[place]) + 2).astype(np.int64)
            candidates.append(_rank(Buckets.texts(edges[place]), bucket_counts, min_count))
            raw.append(_rank(factor.texts, counts, 0))
        else:
            candidates.append(_rank(factor.texts, counts, min_count))
    return _number(schema, factors, candidates, raw, edges)


def text_ranks(texts: Sequence[str]) -> np.ndarray:
    """int32: place of each text in the order of their code points."""
    ranks = np.empty(len(texts), dtype=np.int32)
    ranks[pc.sort_indices(pa.array(texts, pa.large_string())).to_numpy()] = np.arange(len(texts), dtype=np.int32)
    return ranks


def _rank(texts: list[str], counts: np.ndarray, min_count: int) -> _Ranked:
    order = np.lexsort([text_ranks(texts), -counts])
    return _Ranked(texts, counts, order, int((counts >= min_count).sum()))


def _number(
    schema: TableSchema,
    factors: Sequence[Factors],
    candidates: list[_Ranked],
    raw: list[_Ranked],
    edges: dict[int, np.ndarray],
) -> Values:
    offsets = np.concatenate([[0], np.cumsum([c.earned for c in candidates])]).astype(np.int64)
    owned = int(offsets[-1])
    texts: list[str] = []
    fields: list[np.ndarray] = []
    rows: list[np.ndarray] = [np.arange(owned)]
    counts: list[np.ndarray] = []

    def add(place: int, ranked: _Ranked, chosen: np.ndarray) -> None:
        texts.extend(ranked.texts[code] for code in chosen)
        fields.append(np.full(len(chosen), place))
        counts.append(ranked.counts[chosen])

    for place, ranked in enumerate(candidates):
        add(place, ranked, ranked.order[: ranked.earned])

    value_of_code: list[np.ndarray] = []
    buckets: dict[str, Buckets] = {}
    pending = iter(raw)
    for place, (field, factor, ranked) in enumerate(zip(schema.fields, factors, candidates, strict=True)):
        row_of_candidate = np.full(len(ranked.texts), owned + place)
        row_of_candidate[ranked.order[: ranked.earned]] = offsets[place] + np.arange(ranked.earned)
        index = np.empty(len(factor.texts), dtype=np.int32)
        start = len(texts)
        if field.kind == "numeric":
            found = buckets[field.name] = Buckets(edges[place], row_of_candidate.astype(np.int32))
            ranked = next(pending)
            rest = ranked.order
            rows.append(found.rows_of(factor.numbers())[rest])
        else:
            rest = ranked.order[ranked.earned :]
            index[ranked.order[: ranked.earned]] = offsets[place] + np.arange(ranked.earned)
            rows.append(np.full(len(rest), owned + place))
        index[rest] = start + np.arange(len(rest))
        add(place, ranked, rest)
        value_of_code.append(index)
    return Values(
        texts=texts,
        fields=np.concatenate(fields).astype(np.uint16),
        embedding_rows=np.concatenate(rows).astype(np.int32),
        train_counts=np.concatenate(counts).astype(np.int64),
        offsets=offsets,
        value_of_code=tuple(value_of_code),
        buckets=buckets,
    )
