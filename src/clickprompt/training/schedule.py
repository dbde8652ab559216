"""Learning rates over the steps of a run."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate_factor(
    step: int, total: int, warmup_ratio: float, schedule: Literal["constant", "linear", "cosine"]
) -> float:
    """Factor of the base learning rate at `step` (from 0) of `total`: linear warm-up, then constant or falling to zero.

    The first step's factor is 1 / warm-up steps, never 0; the last step's is above 0 too, so that no step is in vain.
    """
    warmup = round(total * warmup_ratio)
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    if schedule == "linear":
        return 1 - progress
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1.0
