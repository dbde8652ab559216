"""Masked language modelling: which word pieces are hidden, and by what (BERT, NAACL'19, section 3.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clickprompt.contracts import Tokenizer
from clickprompt.text.layout import places
from clickprompt.text.random import uniforms_at

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
    """Hide word pieces of sentences that are laid end to end.

    Every real token that is not special is chosen with probability `rate`; of the chosen, 80 % become the mask token,
    10 % a random token that is not special, 10 % stay. Draws hang on (seed, epoch, row, place in the sentence), so
    the batch changes none of them.

    Shapes: ids (tokens,), lengths and rows (batch,) → masked ids (tokens,); positions (chosen,) into ids, ascending;
    targets (chosen,) the tokens that stood there. Nothing chosen: the last two are empty.
    """
    special = np.zeros(max(tokenizer.vocab_size, int(ids.max(initial=0)) + 1), bool)
    specials = np.array(sorted(token for token in tokenizer.special_ids if token < len(special)), np.int64)
    special[specials] = True

    row, place = np.repeat(rows, lengths), places(lengths)
    positions = np.flatnonzero(~special[ids] & (uniforms_at(seed, epoch, _CHOICE, row, place) < rate))
    targets = ids[positions]
    row, place = row[positions], place[positions]
    treatment = uniforms_at(seed, epoch, _TREATMENT, row, place)
    replacement = uniforms_at(seed, epoch, _REPLACEMENT, row, place)
    masked = ids.copy()
    masked[positions] = np.select(
        [treatment < 0.8, treatment < 0.9],
        [np.int64(tokenizer.mask_id), _ordinary_token(replacement, specials, tokenizer.vocab_size)],
        targets,
    )
    return masked, positions, targets


def _ordinary_token(uniform: NDArray[np.float64], specials: NDArray[np.int64], vocab_size: int) -> NDArray[np.int64]:
    """A token that is not special, each equally likely: the n-th of them, counted past the special ones."""
    nth = (uniform * (vocab_size - len(specials))).astype(np.int64)
    return nth + np.searchsorted(specials - np.arange(len(specials)), nth, side="right")
