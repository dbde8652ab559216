"""Which rows are train, validation and test; sizes and order as METHODS' data protocol has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from clickprompt.contracts import SPLITS, SplitName
from clickprompt.settings import ClickPromptError
from clickprompt.table.config import SplitConfig
from clickprompt.table.counting import counted
from clickprompt.table.raw import RawTable
from clickprompt.table.scratch import Scratch, blocks
from clickprompt.table.time_order import Tie, in_time_order, tie_keys

if TYPE_CHECKING:
    from clickprompt.table.rows import Rows

Order = Literal["time", "shuffle", "user", "given"]
_SAMPLE_STREAM = 1
"""Draws of the sample, apart from those of the shuffle."""


def split_sizes(rows: int, ratios: Sequence[float]) -> tuple[int, int, int]:
    """test = ⌈N·r_test⌉, validation = ⌈(N − test)·r_validation/(r_train + r_validation)⌉, train the rest.

    Ratios count as the decimal fractions they are written as; 0.1 is a tenth exactly.
    """
    train, validation, test = (Fraction(repr(float(ratio))) for ratio in ratios)
    tests = math.ceil(rows * test / (train + validation + test))
    validations = math.ceil((rows - tests) * validation / (train + validation))
    return rows - tests - validations, validations, tests


def chosen_order(config: SplitConfig, table: RawTable) -> Order:
    """What `auto` comes to. Raises ClickPromptError where the table lacks what the order needs."""
    if config.order == "auto":
        return "given" if table.given else "time" if table.timestamp else "shuffle"
    if config.order == "given" and not table.given:
        raise ClickPromptError(
            "data.split.order is given, but the source has one split; name train, validation and test"
        )
    if config.order == "user" and table.schema.group_field is None:
        raise ClickPromptError(
            "data.split.order is user, but no field owns rows; set data.source.group_field to the user's field"
        )
    if config.order == "time" and not table.timestamp:
        raise ClickPromptError("data.split.order is time, but the source has no timestamp; set data.source.timestamp")
    return config.order


def sampled(config: SplitConfig, rows: np.ndarray) -> np.ndarray:
    """The share of the rows that `config.sample` keeps, to the nearest row, in their own order."""
    if config.sample == 1:
        return rows
    keep = round(len(rows) * config.sample)
    draw = np.random.default_rng([config.seed, _SAMPLE_STREAM]).permutation(len(rows))[:keep]
    return rows[np.sort(draw)]


def split_rows(config: SplitConfig, table: Rows, rows: np.ndarray, scratch: Scratch) -> dict[SplitName, np.ndarray]:
    """int64 row numbers of each split, out of `rows`, in the order that they shall keep."""
    if table.order == "given":
        assert table.given is not None
        ends = np.searchsorted(rows, [table.given[name].stop for name in SPLITS])
        return _parts(rows, ends[:2])
    if table.order == "user":
        parts = by_user(config, table, rows)
        return {name: _ordered(config, table, part, scratch, shuffle=False) for name, part in parts.items()}
    rows = _ordered(config, table, rows, scratch, shuffle=True)
    return _parts(rows, np.cumsum(split_sizes(len(rows), config.ratios))[:2])


def by_user(config: SplitConfig, table: Rows, rows: np.ndarray) -> dict[SplitName, np.ndarray]:
    """Whole users to each split, drawn by the seed out of all, sorted by name; sizes as near as they come."""
    schema = table.schema
    assert schema.group_field is not None
    factors = table.factors[schema.names.index(schema.group_field)]
    counts = counted(factors.codes, rows, len(factors.texts))
    users = np.argsort(factors.ranks, kind="stable")
    users = np.random.default_rng(config.seed).permutation(users[counts[users] > 0])
    reached = np.concatenate([[0], np.cumsum(counts[users])])
    train, validation, _ = split_sizes(len(rows), config.ratios)
    ends = [int(np.argmin(np.abs(reached - size))) for size in (train, train + validation)]
    part_of = np.full(len(factors.texts), -1, dtype=np.int8)
    for part, some in enumerate(np.split(users, ends)):
        part_of[some] = part
    chosen = [part_of[factors.codes[some]] for some in blocks(rows)]
    return {name: rows[np.concatenate([of == part for of in chosen])] for part, name in enumerate(SPLITS)}


def _parts(rows: np.ndarray, ends: np.ndarray) -> dict[SplitName, np.ndarray]:
    return dict(zip(SPLITS, np.split(rows, ends), strict=True))


def _ordered(config: SplitConfig, table: Rows, rows: np.ndarray, scratch: Scratch, *, shuffle: bool) -> np.ndarray:
    """The rows, the earliest first, equal times ordered by `tie_keys`; without times shuffled, or as they are."""
    if table.times is not None:
        ties = tie_keys(table.factors, table.labels, table.weights)
        return scratch.numbers(in_time_order(table.times, rows, ties))
    if not shuffle:
        return rows
    shuffled = scratch.numbers(blocks(rows))
    np.random.default_rng(config.seed).shuffle(shuffled)
    return shuffled


def ordered_rows(config: SplitConfig, times: np.ndarray | None, rows: np.ndarray, ties: Sequence[Tie]) -> np.ndarray:
    """The rows, int64, the earliest first, equal times ordered by `ties`; shuffled by `config.seed` without times."""
    if times is not None:
        return np.concatenate([rows[:0], *in_time_order(times, rows, ties)])
    return np.random.default_rng(config.seed).permutation(rows)


def check_splits(splits: dict[SplitName, np.ndarray], labels: np.ndarray, weights: np.ndarray | None) -> None:
    """Raise ClickPromptError for a split without rows, with one class, or without any weight."""
    advice = "change data.split.ratios or data.split.order, or add rows"
    for name, rows in splits.items():
        if not len(rows):
            raise ClickPromptError(f"data.split: the {name} split is empty; {advice}")
        positives = sum(int(labels[some].sum()) for some in blocks(rows))
        if positives in (0, len(rows)):
            raise ClickPromptError(
                f"data.split: all {len(rows):,} labels of the {name} split are {int(positives > 0)}; "
                f"both classes are needed: {advice}"
            )
        if weights is not None and not any(weights[some].any() for some in blocks(rows)):
            raise ClickPromptError(f"data.split: all weights of the {name} split are 0; nothing of it would count")
