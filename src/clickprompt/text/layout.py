"""Rows of value indices become sentences of tokens: spans laid end to end between the special tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clickprompt.contracts import Tokenizer
from clickprompt.settings import ClickPromptError
from clickprompt.text.token_store import TokenStore

Ints = NDArray[np.int64]


def lay_out(
    store: TokenStore, value_ids: NDArray[np.integer], tokenizer: Tokenizer, max_length: int
) -> tuple[Ints, Ints]:
    """Sentences of rows, laid end to end.

    A sentence longer than `max_length` loses the last token of its longest value (the first among equals), again and
    again until it fits.

    Shapes: value_ids (batch, fields) → ids int64 (tokens,), lengths int64 (batch,).
    Raises ClickPromptError where a sentence does not fit even with all its values empty.
    """
    starts, counts = _segments(store, value_ids, tokenizer, max_length)
    return _assemble(store.tokens, starts, counts, tokenizer)


def value_fields(
    store: TokenStore, value_ids: NDArray[np.integer], tokenizer: Tokenizer, max_length: int
) -> NDArray[np.int16]:
    """Which field's value each token of `lay_out`'s sentences belongs to: int16 (tokens,).

    −1 at field names, closing stops and special tokens.
    """
    kept = _kept_values(store, value_ids, tokenizer, max_length)
    _, counts = _three_segments(store, value_ids, kept if kept is not None else _value_lengths(store, value_ids))
    of_segment = np.full(counts.shape[1], -1, np.int16)
    of_segment[1::3] = np.arange(value_ids.shape[1])
    ends = np.full((len(counts), 1), -1, np.int16)
    fields = np.hstack([ends, np.tile(of_segment, (len(counts), 1)), ends])
    before = np.full((len(counts), 1), len(tokenizer.prefix_ids))
    after = np.full((len(counts), 1), len(tokenizer.suffix_ids))
    return np.repeat(fields.reshape(-1), np.hstack([before, counts, after]).reshape(-1))


def sentence_lengths(store: TokenStore, value_ids: NDArray[np.integer], tokenizer: Tokenizer, max_length: int) -> Ints:
    """Tokens of each row's sentence, int64 (batch,), without laying it out."""
    special = len(tokenizer.prefix_ids) + len(tokenizer.suffix_ids)
    return np.minimum(store.lengths[value_ids].sum(1) + special, max_length)


def places(lengths: Ints) -> Ints:
    """Each token's place in its sentence, from 0: int64 (tokens,)."""
    stop = np.cumsum(lengths)
    return np.arange(int(lengths.sum())) - np.repeat(stop - lengths, lengths)


def _segments(
    store: TokenStore, value_ids: NDArray[np.integer], tokenizer: Tokenizer, max_length: int
) -> tuple[Ints, Ints]:
    """Where in the store the tokens of each row lie: starts and counts, (batch, segments a row)."""
    kept = _kept_values(store, value_ids, tokenizer, max_length)
    if kept is None:
        return store.offsets[value_ids], store.lengths[value_ids]
    return _three_segments(store, value_ids, kept)


def _three_segments(store: TokenStore, value_ids: NDArray[np.integer], kept: Ints) -> tuple[Ints, Ints]:
    """Each span as opening, the first `kept` tokens of its value, and closing."""
    start = store.offsets[value_ids]
    first, last = np.moveaxis(store.value_spans[value_ids].astype(np.int64), -1, 0)
    starts = np.stack([start, start + first, start + last], axis=2)
    counts = np.stack([first, kept, store.lengths[value_ids] - last], axis=2)
    return starts.reshape(len(value_ids), -1), counts.reshape(len(value_ids), -1)


def _value_lengths(store: TokenStore, value_ids: NDArray[np.integer]) -> Ints:
    first, last = np.moveaxis(store.value_spans[value_ids].astype(np.int64), -1, 0)
    return last - first


def _kept_values(
    store: TokenStore, value_ids: NDArray[np.integer], tokenizer: Tokenizer, max_length: int
) -> Ints | None:
    """Tokens kept of each value, (batch, fields); None where every sentence fits."""
    room = max_length - len(tokenizer.prefix_ids) - len(tokenizer.suffix_ids)
    totals = store.lengths[value_ids].sum(1)
    rows = np.flatnonzero(totals > room)
    if not len(rows):
        return None
    values = _value_lengths(store, value_ids)
    budgets = room - (totals[rows] - values[rows].sum(1))
    if budgets.min() < 0:
        raise ClickPromptError(
            f"language_model.max_length is {max_length}; field names alone take {max_length - budgets.min()} tokens: "
            "raise it, shorten the names or leave fields out"
        )
    values[rows] = _level(values[rows], budgets)
    return values


def _level(lengths: Ints, budgets: Ints) -> Ints:
    """Lengths left when the longest, first among equals, loses one again and again until their sum is the budget.

    In closed form: all are cut at the highest level whose sum stays within the budget; what then remains goes one each
    to the last of those that were cut, for the first lose first.
    """
    low, high = np.zeros_like(budgets), lengths.max(1)  # sum at low fits; high is never tried above its row's longest
    while (low < high).any():
        middle = (low + high + 1) // 2
        fits = np.minimum(lengths, middle[:, None]).sum(1) <= budgets
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    cut = np.minimum(lengths, low[:, None])
    spare = budgets - cut.sum(1)
    longer = lengths > low[:, None]
    cut_after = longer[:, ::-1].cumsum(1)[:, ::-1]  # this one and those behind it
    return cut + (longer & (cut_after <= spare[:, None]))


def _assemble(
    tokens: NDArray[np.unsignedinteger], starts: Ints, counts: Ints, tokenizer: Tokenizer
) -> tuple[Ints, Ints]:
    """Copy segments end to end, between the special tokens of each row."""
    prefix, suffix = np.array(tokenizer.prefix_ids, np.int64), np.array(tokenizer.suffix_ids, np.int64)
    lengths = counts.sum(1) + len(prefix) + len(suffix)
    ids = np.empty(int(lengths.sum()), np.int64)
    is_word = np.ones(len(ids), bool)
    stop = np.cumsum(lengths)
    for tokens_at, special in ((stop - lengths, prefix), (stop - len(suffix), suffix)):
        place = tokens_at[:, None] + np.arange(len(special))
        ids[place], is_word[place] = special, False

    flat = counts.reshape(-1)
    ends = np.cumsum(flat)
    source = np.repeat(starts.reshape(-1) - (ends - flat), flat) + np.arange(flat.sum())
    ids[is_word] = tokens[source]
    return ids, lengths
