"""Paired bootstrap of an AUC difference, over rows or over users: rows of one user are not independent, users are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import Bools, Floats, checked_groups, checked_labels, checked_scores
from clickprompt.evaluation.measures import auc
from clickprompt.evaluation.order import group_codes, stable_order
from clickprompt.settings import ClickPromptError


@dataclass(frozen=True)
class BootstrapTest:
    """An AUC difference and how far it moves when other users (or rows) had been drawn."""

    difference: float
    """AUC(a) − AUC(b) on all rows."""
    low: float
    """2.5 % quantile of the resampled differences."""
    high: float
    """97.5 % quantile of the resampled differences."""
    p_value: float
    """Two-sided: twice the smaller share of resampled differences on either side of 0, at least 2/(samples + 1)."""
    groups: int
    """Users (or rows) that were drawn from."""
    samples: int
    """Resamples that held both classes."""


def bootstrap_over_groups(
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> BootstrapTest:
    """Draw G of the G groups with replacement, `samples` times, and compare AUC(a) with AUC(b) on each draw.

    A group drawn k times counts k-fold: the AUC of a draw is the AUC weighted by those counts. Scores are sorted once;
    a draw then costs O(rows). Raises ClickPromptError as `auc` does, and for fewer than two groups.
    """
    clicks = checked_labels(labels, both_classes=True)
    rows = len(clicks)
    a, b = checked_scores(scores_a, rows, "scores_a"), checked_scores(scores_b, rows, "scores_b")
    codes, count = group_codes(checked_groups(groups, rows))
    if count < 2:
        raise ClickPromptError("groups: all rows are of one group; a bootstrap needs two, name another group_field")
    return _test(clicks, a, b, codes, count, samples, seed)


def bootstrap_over_rows(
    labels: npt.ArrayLike, scores_a: npt.ArrayLike, scores_b: npt.ArrayLike, *, samples: int = 1000, seed: int = 0
) -> BootstrapTest:
    """The same with every row a group of its own: for rows that are independent, as DeLong's test takes them.

    Raises ClickPromptError as `auc` does.
    """
    clicks = checked_labels(labels, both_classes=True)
    rows = len(clicks)
    a, b = checked_scores(scores_a, rows, "scores_a"), checked_scores(scores_b, rows, "scores_b")
    return _test(clicks, a, b, np.arange(rows), rows, samples, seed)


def _test(
    clicks: Bools, a: Floats, b: Floats, codes: npt.NDArray, count: int, samples: int, seed: int
) -> BootstrapTest:
    if samples < 1:
        raise ClickPromptError(f"samples is {samples}; expected 1 or more")
    resampled = _differences(_Presorted(clicks, a, codes), _Presorted(clicks, b, codes), count, samples, seed)
    if not len(resampled):
        raise ClickPromptError(f"groups: no draw of the {count:,} groups held both classes; use more rows")
    low, high = np.quantile(resampled, [0.025, 0.975])
    beyond = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    return BootstrapTest(
        difference=auc(clicks, a) - auc(clicks, b),
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * (1 + beyond) / (len(resampled) + 1)),
        groups=count,
        samples=len(resampled),
    )


def draw(generator: np.random.Generator, groups: int) -> npt.NDArray[np.int32]:
    """How often each group is drawn, (groups,), when as many are drawn as there are."""
    # 32 bits: half the table to look up in, for every row of every draw.
    return np.bincount(generator.integers(groups, size=groups), minlength=groups).astype(np.int32)


def _differences(a: _Presorted, b: _Presorted, groups: int, samples: int, seed: int) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    differences = np.full(samples, np.nan)
    for sample in range(samples):
        times = draw(generator, groups)
        wins, pairs = a.wins(times)
        if pairs:
            differences[sample] = (wins - b.wins(times)[0]) / pairs
    return differences[~np.isnan(differences)]


class _Presorted:
    """A model's rows by ascending score: the order never changes, only how often each row counts."""

    def __init__(self, clicks: Bools, scores: Floats, codes: npt.NDArray) -> None:
        order, others = stable_order(scores[clicks]), stable_order(scores[~clicks])
        positive, negative = scores[clicks][order], scores[~clicks][others]
        self.positive = codes[clicks][order]
        self.negative = codes[~clicks][others]
        self.below = np.searchsorted(negative, positive, "left")
        self.not_above = np.searchsorted(negative, positive, "right")

    def wins(self, times: npt.NDArray[np.int32]) -> tuple[float, int]:
        """Pairs in order, ties half, and all pairs of a click and a non-click in this draw."""
        # Whole numbers: exact, and no BLAS threads to wait for in a thousand short products.
        passed = np.zeros(len(self.negative) + 1, dtype=np.int64)
        np.cumsum(times[self.negative], out=passed[1:])
        drawn = times[self.positive]
        won = int(np.dot(drawn, passed[self.below] + passed[self.not_above]))
        return won / 2, int(drawn.sum()) * int(passed[-1])
