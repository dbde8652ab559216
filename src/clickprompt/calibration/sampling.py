"""Probabilities of a model whose training rows held a share of those without a click."""

from __future__ import annotations

import math

from clickprompt.calibration.platt import PlattCalibrator
from clickprompt.logistic import Floats


def sampling_shift(keep: float) -> float:
    """log w, which scoring adds to logits that were learned with a share w = `keep` of the rows without a click.

    Such a model learns p_s with p_s/(1 − p_s) = p/(w·(1 − p)), so p = p_s/(p_s + (1 − p_s)/w) and z = z_s + log w.
    Sources: He et al., ADKDD 2014, section 6.3; King and Zeng, Political Analysis 9, 2001.
    """
    return math.log(keep)


def shifted(logits: Floats, shift: float) -> Floats:
    """Logits (rows,) as they are served: the same array where there is nothing to shift by."""
    return logits + shift if shift else logits


def shift_calibrator(shift: float) -> PlattCalibrator:
    """The shift as a bundle and its exports carry it: a line of slope 1."""
    return PlattCalibrator(intercept=shift)
