"""The tokens of every distinct value, made once: a value's index leads to its span."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clickprompt.contracts import TableSchema, Tokenizer
from clickprompt.storage import fingerprint, new_folder, read_manifest, write_manifest
from clickprompt.text.sentence import opening, pieces_of

KIND, VERSION, MANIFEST = "token store", 2, "manifest.json"
_ARRAYS = ("tokens", "offsets", "value_spans")
_AT_ONCE = 8192


def token_store_key(tokenizer: Tokenizer, max_value_tokens: int) -> str:
    """Two stores of the same values are equal where their keys are."""
    return fingerprint({"tokenizer": tokenizer.fingerprint, "max_value_tokens": max_value_tokens, "version": VERSION})


@dataclass(frozen=True)
class TokenStore:
    """Spans of N values. Value v's piece "`Movie title is Toy Story.`" is `tokens[offsets[v]:offsets[v + 1]]`."""

    tokens: NDArray[np.unsignedinteger]
    """uint16 or uint32 (all tokens,)"""
    offsets: NDArray[np.int64]
    """int64 (N + 1,)"""
    value_spans: NDArray[np.signedinteger]
    """int16 or int32 (N, 2): first and one past the last token of the value itself, counted within its span."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """int64 (N,): tokens of each span."""
        return np.diff(self.offsets)

    @staticmethod
    def open(folder: Path) -> TokenStore:
        """Read a store by memory map. Raises ClickPromptError where a byte of it has changed."""
        read_manifest(folder, MANIFEST, kind=KIND, version=VERSION)
        tokens, offsets, value_spans = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS)
        return TokenStore(tokens, np.asarray(offsets), np.asarray(value_spans))

    @staticmethod
    def from_texts(
        texts: Sequence[str],
        fields: Sequence[int] | NDArray[np.integer],
        schema: TableSchema,
        tokenizer: Tokenizer,
        max_value_tokens: int,
        report: Callable[[int, str], None] | None = None,
    ) -> TokenStore:
        """Tokenize values, in the order given; text n is a value of field `fields[n]`.

        Tokens are those of the piece inside a whole sentence (with its leading space from the second field on). A
        value longer than `max_value_tokens` loses its last tokens; its field's name and the closing stop stay.
        `report` hears how many values are done.
        """
        of_field: NDArray[np.int64] = np.asarray(fields, np.int64)
        parts = []
        for start in range(0, len(texts), _AT_ONCE):
            stop = start + _AT_ONCE
            parts.append(_tokenize(texts[start:stop], of_field[start:stop], schema, tokenizer, max_value_tokens))
            if report:
                report(min(stop, len(texts)), "")
        return TokenStore.concatenate(parts)

    @staticmethod
    def concatenate(stores: Sequence[TokenStore]) -> TokenStore:
        """One store of all values, in memory; the n-th store's values follow those of the stores before it."""
        width = np.uint16 if all(s.tokens.dtype == np.uint16 for s in stores) else np.uint32
        longest = max((int(store.lengths.max(initial=0)) for store in stores), default=0)
        span_type = np.int16 if longest < 2**15 else np.int32
        lengths = np.concatenate([np.zeros(1, np.int64), *(store.lengths for store in stores)])
        return TokenStore(
            np.concatenate([np.zeros(0, width), *(store.tokens for store in stores)], dtype=width, casting="same_kind"),
            np.cumsum(lengths),
            np.concatenate(
                [np.zeros((0, 2), span_type), *(store.value_spans for store in stores)],
                dtype=span_type,
                casting="same_kind",
            ),
        )

    def take(self, values: NDArray[np.integer]) -> TokenStore:
        """A store in memory of these values alone, in this order."""
        lengths = self.lengths[values]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        source = np.repeat(self.offsets[values] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return TokenStore(np.asarray(self.tokens[source]), offsets, self.value_spans[values])

    def spread(self, held: NDArray[np.bool_]) -> TokenStore:
        """The n-th span as that of the n-th value `held`, bool (N,), of N values; the others' spans are empty."""
        lengths, spans = np.zeros(len(held), np.int64), np.zeros((len(held), 2), self.value_spans.dtype)
        lengths[held], spans[held] = self.lengths, self.value_spans
        return TokenStore(self.tokens, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), spans)


def build_token_store(
    folder: Path,
    texts: Sequence[str],
    fields: Sequence[int] | NDArray[np.integer],
    schema: TableSchema,
    tokenizer: Tokenizer,
    max_value_tokens: int,
    report: Callable[[int, str], None] | None = None,
    held: NDArray[np.bool_] | None = None,
) -> TokenStore:
    """Tokenize values (see `TokenStore.from_texts`), write the store whole or not at all, and open it.

    With `held`, bool (N,), the texts are those of the values so marked alone; the others have empty spans.
    """
    store = TokenStore.from_texts(texts, fields, schema, tokenizer, max_value_tokens, report)
    if held is not None:
        store = store.spread(held)
    with new_folder(folder) as new:
        for name in _ARRAYS:
            np.save(new / f"{name}.npy", getattr(store, name))
        content = {
            "key": token_store_key(tokenizer, max_value_tokens),
            "max_value_tokens": max_value_tokens,
            "values": len(store),
            "tokens": len(store.tokens),
        }
        write_manifest(new, MANIFEST, content, kind=KIND, version=VERSION)
    return TokenStore.open(folder)


def _tokenize(
    texts: Sequence[str], fields: NDArray[np.int64], schema: TableSchema, tokenizer: Tokenizer, max_value_tokens: int
) -> TokenStore:
    encoded = tokenizer.encode(pieces_of(texts, fields.tolist(), schema))
    lengths = np.array([len(ids) for ids, _ in encoded], np.int64)
    total = int(lengths.sum())
    tokens = np.fromiter(chain.from_iterable(ids for ids, _ in encoded), np.int64, total)
    characters = np.fromiter(
        chain.from_iterable(chain.from_iterable(spans for _, spans in encoded)), np.int64, 2 * total
    ).reshape(-1, 2)

    opening_lengths = np.array([len(opening(schema, field)) for field in range(len(schema.fields))])
    begin = opening_lengths[fields]
    end = begin + np.array([len(text) for text in texts], np.int64)
    of = np.repeat(np.arange(len(texts)), lengths)
    before = characters[:, 1] <= begin[of]
    inside = ~before & (characters[:, 0] < end[of])
    first = np.bincount(of[before], minlength=len(texts))
    count = np.bincount(of[inside], minlength=len(texts))

    within = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    kept = ~inside | (within - first[of] < max_value_tokens)
    count = np.minimum(count, max_value_tokens)
    lengths = np.bincount(of[kept], minlength=len(texts))
    return TokenStore(
        tokens[kept].astype(np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
        np.stack([first, first + count], axis=1).astype(np.int16 if lengths.max(initial=0) < 2**15 else np.int32),
    )
