"""Which words are hidden, and by what: word pieces (BERT, NAACL'19, section 3.1), or whole values (FLIP, RecSys'24)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clickprompt.contracts import Tokenizer
from clickprompt.text.layout import places
from clickprompt.text.random import uniforms, uniforms_at

_CHOICE, _TREATMENT, _REPLACEMENT, _VALUE = 0, 1, 2, 3


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


def mask_values(
    ids: NDArray[np.int64],
    fields: NDArray[np.int16],
    lengths: NDArray[np.int64],
    rows: NDArray[np.integer],
    num_fields: int,
    seed: int,
    epoch: int,
    tokenizer: Tokenizer,
    rate: float = 0.15,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hide whole values in sentences that are laid end to end: each of their tokens becomes the mask token.

    A field is chosen with probability `rate`, and at least one in each row that has a value with a token left. Draws
    hang on (seed, epoch, row, field), so neither the batch nor how a sentence is cut changes any of them. Source: FLIP
    (arXiv 2310.19453), field-level masking of the textual modality.

    Shapes: ids and fields (tokens,), each token's field or −1 as `value_fields` gives it, lengths and rows (batch,) →
    as `mask_tokens`.
    """
    of_value = np.flatnonzero(fields >= 0)
    place = np.repeat(np.arange(len(rows)), lengths)[of_value], fields[of_value]
    has_tokens = np.zeros((len(rows), num_fields), bool)
    has_tokens[place] = True
    draws = uniforms(seed, epoch, _VALUE, rows, np.arange(num_fields))
    positions = of_value[at_least_one(draws, rate, has_tokens)[place]]
    masked = ids.copy()
    masked[positions] = tokenizer.mask_id
    return masked, positions, ids[positions]


def at_least_one(draws: NDArray[np.float64], rate: float, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which fields of each row are chosen: those whose draw is below `rate`, else the one with the lowest draw.

    Shapes: all (batch, fields). None is chosen that is not allowed; where none is allowed, none is.
    """
    draws = np.where(allowed, draws, np.inf)
    return allowed & ((draws < rate) | (draws == draws.min(axis=1, keepdims=True)))
