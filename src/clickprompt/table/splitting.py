"""Which rows are train, validation and test; sizes and order as METHODS' data protocol has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np

from clickprompt.contracts import SPLITS, SplitName
from clickprompt.settings import ClickPromptError
from clickprompt.table.candidates import text_ranks
from clickprompt.table.columns import timestamps
from clickprompt.table.config import SplitConfig
from clickprompt.table.factors import Factors
from clickprompt.table.raw import RawTable

Order = Literal["time", "shuffle", "given"]
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
    if config.order == "time" and not table.timestamp:
        raise ClickPromptError("data.split.order is time, but the source has no timestamp; set data.source.timestamp")
    return config.order


def first_of_equals(table: RawTable, order: Order) -> np.ndarray:
    """int64: rows that no earlier row equals in every column, within its own split where splits are given."""
    import polars as pl

    row = "\0row"
    frame = table.frame.with_row_index(row)
    columns = table.frame.columns
    ranges = list(table.given.values()) if order == "given" and table.given else [range(frame.height)]
    parts = (frame[part.start : part.stop].unique(columns, keep="first", maintain_order=True) for part in ranges)
    return np.concatenate([part[row].cast(pl.Int64).to_numpy() for part in parts])


def sampled(config: SplitConfig, rows: np.ndarray) -> np.ndarray:
    """The share of the rows that `config.sample` keeps, to the nearest row, in their own order."""
    if config.sample == 1:
        return rows
    keep = round(len(rows) * config.sample)
    draw = np.random.default_rng([config.seed, _SAMPLE_STREAM]).permutation(len(rows))[:keep]
    return rows[np.sort(draw)]


def split_rows(
    config: SplitConfig,
    table: RawTable,
    order: Order,
    rows: np.ndarray,
    ties: Sequence[np.ndarray],
) -> dict[SplitName, np.ndarray]:
    """int64 row numbers of each split, out of `rows`, in the order that they shall keep.

    Equal times are ordered by `ties` (arrays over all rows, the first counts most).
    """
    if order == "given":
        assert table.given is not None
        return {name: rows[(rows >= part.start) & (rows < part.stop)] for name, part in table.given.items()}
    rows = ordered_rows(config, table, order, rows, ties)
    ends = np.cumsum(split_sizes(len(rows), config.ratios))
    return dict(zip(SPLITS, np.split(rows, ends[:2]), strict=True))


def ordered_rows(
    config: SplitConfig, table: RawTable, order: Order, rows: np.ndarray, ties: Sequence[np.ndarray]
) -> np.ndarray:
    """The rows, int64, the earliest first, equal times ordered by `ties`; shuffled by `config.seed` without times."""
    if order == "time":
        return rows[_total_order(timestamps(table)[rows], [tie[rows] for tie in ties])]
    return np.random.default_rng(config.seed).permutation(rows)


def tie_keys(factors: Sequence[Factors], labels: np.ndarray, weights: np.ndarray | None) -> list[np.ndarray]:
    """What orders rows of equal time: fields by text, then label, then weight; nothing of the files' own order."""
    keys = [text_ranks(factor.texts)[factor.codes] for factor in factors]
    return [*keys, labels, *([] if weights is None else [weights])]


def check_splits(splits: dict[SplitName, np.ndarray], labels: np.ndarray, weights: np.ndarray | None) -> None:
    """Raise ClickPromptError for a split without rows, with one class, or without any weight."""
    advice = "change data.split.ratios or data.split.order, or add rows"
    for name, rows in splits.items():
        if not len(rows):
            raise ClickPromptError(f"data.split: the {name} split is empty; {advice}")
        positives = int(labels[rows].sum())
        if positives in (0, len(rows)):
            raise ClickPromptError(
                f"data.split: all {len(rows):,} labels of the {name} split are {int(positives > 0)}; "
                f"both classes are needed: {advice}"
            )
        if weights is not None and not weights[rows].any():
            raise ClickPromptError(f"data.split: all weights of the {name} split are 0; nothing of it would count")


def _total_order(times: np.ndarray, ties: Sequence[np.ndarray]) -> np.ndarray:
    order = np.argsort(times, kind="stable")
    equal = times[order][1:] == times[order][:-1]
    tied = order[np.concatenate([equal, [False]]) | np.concatenate([[False], equal])]
    places = np.flatnonzero(np.isin(order, tied, assume_unique=True))
    order[places] = tied[np.lexsort([*(tie[tied] for tie in reversed(ties)), times[tied]])]
    return order
