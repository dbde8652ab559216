"""Welch's t over seeds: do two models differ by more than their seeds do?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from clickprompt.settings import ClickPromptError


@dataclass(frozen=True)
class WelchTest:
    """Means of two samples, and whether they differ."""

    difference: float
    """mean(a) − mean(b)"""
    standard_error: float
    t: float
    degrees_of_freedom: float
    p_value: float
    """Two-sided."""


def welch_test(a: Sequence[float], b: Sequence[float]) -> WelchTest:
    """t = (ā − b̄)/√(s_a²/n_a + s_b²/n_b) with Welch–Satterthwaite degrees of freedom, for unequal variances.

    Raises ClickPromptError for fewer than two values on a side. Source: Welch, Biometrika 1947.
    """
    for name, values in (("a", a), ("b", b)):
        if len(values) < 2:
            raise ClickPromptError(f"{name}: {len(values)} value; Welch's t needs two or more, run more seeds")
        if not all(map(math.isfinite, values)):
            raise ClickPromptError(f"{name}: a value is not finite; leave out the run that diverged")
    share_a, share_b = variance(a) / len(a), variance(b) / len(b)
    squared = share_a + share_b
    difference = fmean(a) - fmean(b)
    if not squared:
        t = math.copysign(math.inf, difference) if difference else 0.0
        return WelchTest(difference, 0.0, t, float(len(a) + len(b) - 2), 0.0 if difference else 1.0)
    # Shares of the sum, not the shares themselves: squares of tiny variances would underflow.
    freedom = 1 / ((share_a / squared) ** 2 / (len(a) - 1) + (share_b / squared) ** 2 / (len(b) - 1))
    t = difference / math.sqrt(squared)
    return WelchTest(difference, math.sqrt(squared), t, freedom, student_t_two_sided(t, freedom))


def student_t_two_sided(t: float, degrees_of_freedom: float) -> float:
    """P(|T| ≥ |t|) = I_x(ν/2, ½) with x = ν/(ν + t²), for ν degrees of freedom."""
    square = t * t
    total = degrees_of_freedom + square
    return _regularised_beta(degrees_of_freedom / total, square / total, degrees_of_freedom / 2, 0.5)


def _regularised_beta(x: float, rest: float, a: float, b: float) -> float:
    """I_x(a, b) for rest = 1 − x, given apart so that x near 1 loses no digits."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    # The continued fraction converges fast on one side of the mean; the other side follows by symmetry.
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(rest, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Continued fraction of the incomplete beta function by Lentz's method (DLMF 8.17.22)."""
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            c = 1 + term / c or tiny
            d = 1 / (1 + term * d or tiny)
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value
