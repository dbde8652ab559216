"""Holm's correction: p-values of several comparisons, so that the chance of any false one stays at the level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def holm_adjusted(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """p̃_(i) = max_{j ≤ i} min(1, (m − j + 1)·p_(j)) for p_(1) ≤ … ≤ p_(m), in the order given, (comparisons,).

    NaN, a test that could not be made, stays NaN and is not counted. Source: Holm, Scandinavian J. of Statistics 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]  # NaN sorts last
    scaled = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
