"""Paired t over seeds: two models compared seed by seed; and the difference that it could have seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from clickprompt.settings import ClickPromptError


@dataclass(frozen=True)
class PairedTest:
    """Mean difference of pairs, and whether it differs from 0."""

    difference: float
    """mean(a − b)"""
    low: float
    """Lower end of the 95 % interval of the difference."""
    high: float
    """Upper end of the 95 % interval of the difference."""
    p_value: float
    """Two-sided."""
    smallest_detectable: float
    """True difference that this many pairs of this spread would show at p < 0.05 four times in five."""
    pairs: int


def paired_t_test(a: Sequence[float], b: Sequence[float]) -> PairedTest:
    """t = d̄/(s/√n), d = a − b, with n − 1 degrees of freedom; interval d̄ ± t₀.₉₇₅·s/√n.

    Raises ClickPromptError for fewer than two pairs, unequal lengths, and values that are not finite.
    Source: Student, Biometrika 1908.
    """
    from scipy.special import stdtr, stdtrit

    if len(a) != len(b):
        raise ClickPromptError(f"{len(a)} values against {len(b)}: pairs need one of each, keep the seeds both have")
    if len(a) < 2:
        raise ClickPromptError(f"{len(a)} pair; a paired t-test needs two or more, run more seeds")
    differences = np.subtract(a, b, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise ClickPromptError("a value is not finite; leave out the seed whose run diverged")
    n, difference, spread = len(a), float(differences.mean()), float(differences.std(ddof=1))
    error = spread / math.sqrt(n)
    half = float(stdtrit(n - 1, 0.975)) * error
    # Without any spread, a difference is sure and its absence is, too.
    p_value = 2 * float(stdtr(n - 1, -abs(difference) / error)) if error else float(difference == 0)
    detectable = smallest_detectable_effect(n) * spread
    return PairedTest(difference, difference - half, difference + half, p_value, detectable, n)


@cache
def smallest_detectable_effect(pairs: int, *, level: float = 0.05, power: float = 0.8) -> float:
    """δ/s, in standard deviations of the pairs' differences, that a two-sided paired t-test finds with this power.

    Solves P(|T| > t_{1−level/2}) = power for T noncentral t with n − 1 degrees of freedom, noncentrality (δ/s)·√n.
    """
    from scipy.optimize import brentq
    from scipy.special import chdtri, ndtr, stdtrit

    if pairs < 2:
        raise ClickPromptError(f"{pairs} pair; a paired t-test needs two or more, run more seeds")
    freedom = pairs - 1
    # Given the sample's variance, T is normal: the noncentral t is its mean over the quantiles of χ².
    nodes, shares = np.polynomial.legendre.leggauss(200)
    limits = float(stdtrit(freedom, 1 - level / 2)) * np.sqrt(chdtri(freedom, (1 - nodes) / 2) / freedom)

    def lacking(shift: float) -> float:
        return float(shares @ (ndtr(shift - limits) + ndtr(-shift - limits))) / 2 - power

    return float(brentq(lacking, 0.0, 1e3, xtol=1e-10)) / math.sqrt(pairs)
