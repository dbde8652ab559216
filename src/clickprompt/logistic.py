"""The logistic function and its inverse, in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def probabilities_of(logits: npt.ArrayLike) -> Floats:
    """σ(z) = 1 / (1 + e^−z), without overflow."""
    z = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)


def logit(probabilities: npt.ArrayLike) -> Floats:
    """log p − log(1 − p), for 0 < p < 1."""
    p = np.asarray(probabilities, dtype=np.float64)
    return np.log(p) - np.log1p(-p)
