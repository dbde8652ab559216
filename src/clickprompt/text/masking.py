"""Masked language modelling: which word pieces are hidden, and by what (BERT, NAACL'19, section 3.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clickprompt.contracts import Tokenizer
from clickprompt.text.random import uniforms, uniforms_at

_CHOICE, _TREATMENT, _REPLACEMENT = 0, 1, 2


def mask_tokens(
    ids: NDArray[np.int64],
    lengths: NDArray[np.int64],
    rows: NDArray[np.integer],
    seed: int,
    epoch: int,
    tokenizer: Tokenizer,
    rate: float = 0.15,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hide word pieces of right-padded sentences.

    Every real token that is not special is chosen with probability `rate`; of the chosen, 80 % become the mask token,
    10 % a random token that is not special, 10 % stay. Draws hang on (seed, epoch, row, position in the sentence), so
    neither the batch nor its padding changes them.

    Shapes: ids (batch, length), lengths and rows (batch,) → masked ids (batch, length); positions (chosen,) into the
    flattened ids, ascending; targets (chosen,) the tokens that stood there. Nothing chosen: the last two are empty.
    """
    batch, length = ids.shape
    special = np.zeros(max(tokenizer.vocab_size, int(ids.max(initial=0)) + 1), bool)
    specials = np.array(sorted(token for token in tokenizer.special_ids if token < len(special)), np.int64)
    special[specials] = True

    place = np.arange(length)
    open_to_choice = (place < lengths[:, None]) & ~special[ids]
    chosen = open_to_choice & (uniforms(seed, epoch, _CHOICE, rows, place) < rate)
    positions = np.flatnonzero(chosen)
    targets = ids.reshape(-1)[positions]

    row, column = rows[positions // max(length, 1)], positions % max(length, 1)
    treatment = uniforms_at(seed, epoch, _TREATMENT, row, column)
    replacement = uniforms_at(seed, epoch, _REPLACEMENT, row, column)
    masked = ids.reshape(-1).copy()
    masked[positions] = np.select(
        [treatment < 0.8, treatment < 0.9],
        [np.int64(tokenizer.mask_id), _ordinary_token(replacement, specials, tokenizer.vocab_size)],
        targets,
    )
    return masked.reshape(batch, length), positions, targets


def _ordinary_token(uniform: NDArray[np.float64], specials: NDArray[np.int64], vocab_size: int) -> NDArray[np.int64]:
    """A token that is not special, each equally likely: the n-th of them, counted past the special ones."""
    nth = (uniform * (vocab_size - len(specials))).astype(np.int64)
    return nth + np.searchsorted(specials - np.arange(len(specials)), nth, side="right")
