"""How many rows hold each value, counted block by block: a split's values are never in memory all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clickprompt.batches import Sentences
from clickprompt.contracts import SPLITS, SplitName
from clickprompt.table import PreparedTable

Counts = NDArray[np.int64]
_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class ValueCounts:
    """Counts over the rows of a prepared folder."""

    rows: dict[SplitName, Counts]
    """(N,): rows of each split that hold each value."""
    clicks: Counts
    """(N,): training rows with label 1 that hold each value."""
    lengths: dict[SplitName, Counts]
    """Rows of each split with 0, 1, 2, … tokens, all of one size; empty where there are no words."""


def count_values(
    table: PreparedTable, sentences: Sentences | None, report: Callable[[int, str], None] = lambda done, note: None
) -> ValueCounts:
    """Walk all splits once. `report` hears how many rows are done."""
    size = int(table.manifest["num_values"])
    rows = {name: np.zeros(size, np.int64) for name in SPLITS}
    clicks = np.zeros(size, np.int64)
    lengths = {name: np.zeros(1, np.int64) for name in SPLITS} if sentences else {}
    whole = None if sentences is None else _uncut(sentences)
    step, done = max(1, _CELLS_AT_ONCE // len(table.schema.fields)), 0
    for name in SPLITS:
        split = table.split(name)
        for start in range(0, len(split), step):
            block = np.asarray(split.value_ids[start : start + step])
            _add(rows[name], block)
            if name == "train":
                _add(clicks, block[split.labels[start : start + step] == 1])
            if whole is not None:
                lengths[name] = _sum(lengths[name], np.bincount(whole.lengths(block)))
            report(done := done + len(block), "")
    longest = max(map(len, lengths.values()), default=0)
    return ValueCounts(rows, clicks, {name: _sum(of, np.zeros(longest, np.int64)) for name, of in lengths.items()})


def _uncut(sentences: Sentences) -> Sentences:
    """The same sentences where none is too long."""
    return Sentences(sentences.store, sentences.tokenizer, np.iinfo(np.int64).max, sentences.permutation)


def _add(counts: Counts, values: NDArray[np.integer]) -> None:
    if values.size:
        found = np.bincount(values.ravel())
        counts[: len(found)] += found


def _sum(one: Counts, other: Counts) -> Counts:
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total
