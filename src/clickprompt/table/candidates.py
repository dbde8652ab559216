"""What may own a field's embedding rows: its values, or buckets of numbers, items of lists, hashes of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clickprompt.contracts import Field
from clickprompt.table.buckets import Buckets, fit_edges
from clickprompt.table.factors import Factors, text_ranks
from clickprompt.table.hashing import hash_names, hashes
from clickprompt.table.lists import ListFactors
from clickprompt.table.members import Members


@dataclass(frozen=True)
class Candidates:
    """Of one field: the first `earned` in `order` own embedding rows, in that order."""

    texts: list[str]
    counts: np.ndarray
    """int64 (candidates,): training rows that lead to each; a list that holds an item twice counts once."""
    order: np.ndarray
    """int64 (candidates,)"""
    earned: int
    of_text: np.ndarray | None
    """int (distinct texts of the field,): the candidate that each leads to; None where several do, for lists."""
    of_item: np.ndarray | None = None
    """int (items,): the candidate that each item leads to, for lists."""
    edges: np.ndarray | None = None
    """Bucket edges, for numbers."""

    def row_of(self, start: int, outside: int) -> np.ndarray:
        """int64 (candidates,): embedding row of each, the first being `start`; `outside` where none is earned."""
        rows = np.full(len(self.texts), outside)
        rows[self.order[: self.earned]] = start + np.arange(self.earned)
        return rows


def find_candidates(
    field: Field, factors: Factors, counts: np.ndarray, min_count: int, numeric_buckets: int
) -> Candidates:
    """Candidates of a field whose distinct texts occur `counts` times in training; hashes all earn their row."""
    if isinstance(factors, ListFactors):
        of_item = _identity(factors.items) if field.hash_rows is None else hashes(factors.items, field.hash_rows)
        names = factors.items if field.hash_rows is None else hash_names(field.hash_rows)
        held = _rows_holding(factors.members, of_item, counts, len(names))
        if field.hash_rows is None:
            order = ranking(text_ranks(names), held)
            return Candidates(names, held, order, int((held >= min_count).sum()), None, of_item)
        return Candidates(names, held, _identity(names), len(names), None, of_item)
    if field.hash_rows is not None:
        names, hashed = hash_names(field.hash_rows), hashes(factors.texts, field.hash_rows)
        return Candidates(names, _summed(hashed, counts, len(names)), _identity(names), len(names), hashed)
    if field.kind == "numeric":
        numbers = factors.numbers()
        edges = fit_edges(numbers, counts, numeric_buckets)
        buckets, names = Buckets.over(edges, numbers), Buckets.texts(edges)
        held = _summed(buckets, counts, len(names))
        empty = np.bincount(buckets, minlength=len(names)) == 0  # that of missing numbers, where none is missing
        order = np.lexsort([text_ranks(names), -held, empty])
        return Candidates(names, held, order, int((held >= min_count)[~empty].sum()), buckets, edges=edges)
    texts, order = factors.texts, ranking(factors.ranks, counts)
    return Candidates(texts, counts, order, int((counts >= min_count).sum()), _identity(texts))


def ranking(ranks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """int64: the most frequent first, equals by their `ranks`, as of texts."""
    return np.lexsort([ranks, -counts])


def _identity(texts: Sequence[str]) -> np.ndarray:
    return np.arange(len(texts))


def _summed(places: np.ndarray, counts: np.ndarray, length: int) -> np.ndarray:
    return np.bincount(places, weights=counts, minlength=length).astype(np.int64)


def _rows_holding(lists: Members, of_item: np.ndarray, counts: np.ndarray, candidates: int) -> np.ndarray:
    """int64 (candidates,): rows whose list, which occurs `counts` times, leads to each candidate at least once."""
    trained = lists.take(np.flatnonzero(counts))
    pairs = np.sort(trained.owners() * candidates + of_item[trained.rows])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # NumPy's own unique is many times slower
    return _summed(pairs % candidates, counts[counts > 0][pairs // candidates], candidates)
