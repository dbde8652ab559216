"""Whether an exported file gives the probabilities that `Predictor` gives; one that does not is never kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from clickprompt.bundle import Bundle, Predictor
from clickprompt.export.feeds import ids_feed, raw_feed
from clickprompt.export.rounding import rounding_interval, with_rounded_table
from clickprompt.export.scoring_module import ScoringModule
from clickprompt.export.tables import Int8Table
from clickprompt.logistic import logit
from clickprompt.settings import ClickPromptError

TOLERANCE = 1e-5
"""Largest difference of a probability; beyond it, rounding must explain it, as it does where sums cancel."""
_BATCHES = (1, 2, 3, 64, 500)
"""Rows that a file is asked for at once to begin with, so that every size is seen to work."""
_AT_ONCE = 1_000
"""Rows of every batch after those; xDeepFM holds half a megabyte a row."""

MOST_INT8_ERROR = 0.05
"""Mean |Δlogit| of an int8 table as a share of the logits' spread. Trained models stay under a hundredth."""

Feed = Mapping[str, np.ndarray]
Run = Callable[[Feed], np.ndarray]
"""An exported file: inputs by name → probabilities float32 (rows,)."""


@dataclass(frozen=True)
class Parity:
    """What a check found."""

    rows: int
    largest: float
    """Largest difference from Predictor's probability."""
    int8_error: float | None = None
    """Of an int8 table: mean |Δlogit|, as a share of the logits' spread."""

    def __str__(self) -> str:
        text = f"{self.rows:,} rows checked against Predictor, largest difference {self.largest:.1e}"
        return text if self.int8_error is None else f"{text}, mean |Δlogit| {self.int8_error:.2%} of the logits' spread"


class Rows:
    """Rows to try an exported file with, and what Predictor makes of them."""

    def __init__(self, bundle: Bundle, columns: Mapping[str, Sequence[Any]], where: str) -> None:
        self.bundle = bundle
        self.columns = columns
        self.where = where
        self.expected = Predictor(bundle).predict(columns)
        self.ids = ids_feed(bundle.vocabulary.encode(columns))

    def raw(self) -> Feed:
        """Inputs of a graph that takes raw fields."""
        return raw_feed(self.bundle.vocabulary.schema, self.columns, len(self.expected))

    def check(self, run: Run, feed: Feed, int8: ScoringModule | None = None) -> Parity:
        """Score the rows by an exported file. `int8` is the module it was made of, where its table was rounded.

        Raises ClickPromptError, with the row, where a probability is further off than rounding explains.
        """
        found = _in_batches(run, feed)
        self._compare(found, self.expected if int8 is None else _in_batches(_runner(int8), self.ids), int8)
        error = None if int8 is None else _logit_error(self.expected, found)
        if error is not None and error > MOST_INT8_ERROR:
            raise ClickPromptError(
                f"{self.where}: 8 bits are too few for this table: logits move by {error:.0%} of their spread, at most "
                f"{MOST_INT8_ERROR:.0%} are taken; nothing was written: leave out --int8"
            )
        return Parity(len(found), float(np.abs(found - self.expected).max(initial=0)), error)

    def _compare(self, found: np.ndarray, expected: np.ndarray, int8: ScoringModule | None) -> None:
        if found.shape != expected.shape or not np.isfinite(found).all():
            raise ClickPromptError(f"{self.where}: it does not give a probability a row; nothing was written")
        off = np.abs(found.astype(np.float64) - expected)
        far = np.flatnonzero(off > TOLERANCE)
        if not len(far):
            return
        low, high = self._interval(far, int8)
        off[far] = np.maximum(np.maximum(low - found[far], found[far] - high), 0)
        worst = int(off.argmax())
        if off[worst] > TOLERANCE:
            row = ", ".join(f"{name} {_short(cells[worst])}" for name, cells in self.columns.items())
            raise ClickPromptError(
                f"{self.where}: the file gives {found[worst]:.6f} where Predictor gives {expected[worst]:.6f} for "
                f"row {worst + 1:,} ({row}); nothing was written: please report this"
            )

    def _interval(self, rows: np.ndarray, int8: ScoringModule | None) -> tuple[np.ndarray, np.ndarray]:
        """What rounding may make of these rows; of few, for it computes them anew in float64."""
        bundle = self.bundle
        if int8 is not None:
            table = int8.model.table
            assert isinstance(table, Int8Table)
            bundle = with_rounded_table(bundle, table)
        return rounding_interval(bundle, {name: [cells[row] for row in rows] for name, cells in self.columns.items()})


def _in_batches(run: Run, feed: Feed) -> np.ndarray:
    """float32 (rows,): all rows, in batches of several sizes."""
    rows = len(next(iter(feed.values())))
    first = np.cumsum(_BATCHES).tolist()
    edges = [0, *(edge for edge in (*first, *range(first[-1] + _AT_ONCE, rows, _AT_ONCE)) if edge < rows), rows]
    return np.concatenate(
        [run({name: array[start:stop] for name, array in feed.items()}) for start, stop in pairwise(edges)]
    )


def _runner(module: ScoringModule) -> Run:
    @torch.inference_mode()
    def run(feed: Feed) -> np.ndarray:
        return module(*(torch.from_numpy(array) for array in feed.values())).numpy()

    return run


def _logit_error(expected: np.ndarray, found: np.ndarray) -> float:
    """Mean |Δlogit|, as a share of the standard deviation of the logits."""
    ours, theirs = (logit(np.clip(p.astype(np.float64), 1e-7, 1 - 1e-7)) for p in (found, expected))
    return float(np.abs(ours - theirs).mean() / max(theirs.std(), 1e-9))


def _short(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 40 else text[:37] + "…"
