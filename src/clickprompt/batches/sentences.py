"""Sentences of rows: token spans laid end to end."""

from __future__ import annotations

import numpy as np
import torch

from clickprompt.contracts import MaskedTokens, TokenBatch, Tokenizer
from clickprompt.text import TokenStore, lay_out, places, sentence_lengths, value_fields


class Sentences:
    """Lays the token spans of a row's values end to end, between the tokenizer's special tokens.

    `permutation` (int64 (values,), optional) lends every value another value's words: the control that takes the
    meaning out of the words and leaves all else as it was.
    """

    def __init__(
        self, store: TokenStore, tokenizer: Tokenizer, max_length: int, permutation: np.ndarray | None = None
    ) -> None:
        self.store = store
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.permutation = permutation

    def lengths(self, value_ids: np.ndarray) -> np.ndarray:
        """Tokens of each row's sentence, int64 (rows,)."""
        return sentence_lengths(self.store, self._spoken(value_ids), self.tokenizer, self.max_length)

    def lay_out(self, value_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens int64 (tokens,) of all rows, end to end, and lengths int64 (rows,)."""
        return lay_out(self.store, self._spoken(value_ids), self.tokenizer, self.max_length)

    def value_fields(self, value_ids: np.ndarray) -> np.ndarray:
        """Which field's value each token of `lay_out` belongs to, −1 where to none: int16 (tokens,)."""
        return value_fields(self.store, self._spoken(value_ids), self.tokenizer, self.max_length)

    def _spoken(self, value_ids: np.ndarray) -> np.ndarray:
        return value_ids if self.permutation is None else self.permutation[value_ids]


def sentences_at_once(device: torch.device) -> int:
    """Rows that pass through a language model together unless a recipe says otherwise."""
    return 512 if device.type == "cuda" else 64


def token_batch(ids: np.ndarray, lengths: np.ndarray) -> TokenBatch:
    """Tensors of laid-out sentences."""
    first = np.flatnonzero(np.diff(lengths, prepend=-1))  # of each run
    runs = zip(np.diff(first, append=len(lengths)).tolist(), lengths[first].tolist(), strict=True)
    starts = np.cumsum(lengths) - lengths
    return TokenBatch(torch.from_numpy(ids), torch.from_numpy(places(lengths)), torch.from_numpy(starts), tuple(runs))


def masked_tokens(positions: np.ndarray, targets: np.ndarray, lengths: np.ndarray) -> MaskedTokens:
    """Tensors of what is to be recovered in sentences of these lengths."""
    in_each = np.diff(np.searchsorted(positions, np.cumsum(lengths)), prepend=0)
    return MaskedTokens(torch.from_numpy(positions), max(1, int(in_each.max(initial=0))), torch.from_numpy(targets))


def permute_within_fields(value_fields: np.ndarray, held: np.ndarray, seed: int) -> np.ndarray:
    """A permutation of value indices, int64 (values,), that keeps every value in its field.

    Only values that rows can hold (`held`, bool (values,)) take part: no row shall read the name of a bucket or hash.
    """
    generator = np.random.default_rng(seed)
    permutation = np.arange(len(value_fields))
    for field in np.unique(value_fields):
        members = np.flatnonzero((value_fields == field) & held)
        permutation[members] = generator.permutation(members)
    return permutation
