"""Fewer training rows without a click, and the weights that make up for those that are gone."""

from __future__ import annotations

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.table.config import NegativesConfig
from clickprompt.table.scratch import Scratch, blocks

_STREAM = 2
"""Draws of negatives, apart from those of the split."""


def thinned(config: NegativesConfig, train: np.ndarray, labels: np.ndarray, seed: int, scratch: Scratch) -> np.ndarray:
    """Those training rows, int64, that are kept: all with a click, and a share of the others drawn by the seed.

    Raises ClickPromptError where none of the others is left.
    """
    if config.keep == 1:
        return train
    random = np.random.default_rng([seed, _STREAM])
    kept = scratch.numbers(
        some[(random.random(len(some)) < config.keep) | (labels[some] > 0)] for some in blocks(train)
    )
    if all(labels[some].all() for some in blocks(kept)):
        raise ClickPromptError(
            f"data.negatives: keep is {config.keep:g}, which leaves no training row without a click; raise it"
        )
    return kept


def corrected_weights(
    config: NegativesConfig, train: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, scratch: Scratch
) -> np.ndarray | None:
    """float32 (all rows,): kept training rows without a click weigh 1/keep times their own weight, where wanted."""
    if config.keep == 1 or config.correction != "weight":
        return weights
    every = np.ones_like(labels, dtype=np.float32) if weights is None else weights
    corrected = scratch.numbers(blocks(every), np.float32)
    for some in blocks(train):
        of = some[labels[some] == 0]
        corrected[of] = every[of] / np.float32(config.keep)
    return corrected
