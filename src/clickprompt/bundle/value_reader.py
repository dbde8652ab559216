"""Vectors of values' words by a frozen language model: of a whole table once, of a request's values as they come."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from clickprompt.batches import Sentences, sentences_at_once, token_batch
from clickprompt.contracts import TableSchema, TokenBatch, Tokenizer
from clickprompt.language import LanguageModelConfig, PoolingName
from clickprompt.methods import vectors_of
from clickprompt.precision import ScoringPrecision, autocast
from clickprompt.text import TokenStore

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder

_KEPT_BYTES = 64 << 20
"""Of vectors that a predictor keeps from one request to the next."""


def read_values(
    encoder: PromptedEncoder,
    sentences: Sentences,
    values: np.ndarray,
    pooling: PoolingName,
    device: torch.device,
    precision: ScoringPrecision = "float32",
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read values (n,), each as a sentence of its own, shorter ones first: places among them (some,), and their vectors
    float32 (some, d), until every value has been read once."""
    pieces, size = values[:, None], sentences_at_once(device)
    order = np.argsort(sentences.lengths(pieces), kind="stable")
    for start in range(0, len(order), size):
        some = order[start : start + size]
        tokens = token_batch(*sentences.lay_out(pieces[some])).to(device)
        yield some, _vectors(encoder, tokens, pooling, device, precision)


@torch.inference_mode()
def _vectors(
    encoder: PromptedEncoder,
    tokens: TokenBatch,
    pooling: PoolingName,
    device: torch.device,
    precision: ScoringPrecision,
) -> np.ndarray:
    with autocast(device, precision, reads_words=True):
        return vectors_of(encoder, tokens, pooling).cpu().numpy()


class ValueReader:
    """Vectors of the values that requests hold. Those met lately are kept, `most` at most, so that a value which comes
    again is not read again; safe to use from several threads."""

    def __init__(
        self,
        encoder: PromptedEncoder,
        schema: TableSchema,
        tokenizer: Tokenizer,
        language: LanguageModelConfig,
        device: torch.device,
        precision: ScoringPrecision,
        most: int | None = None,
    ) -> None:
        self.encoder = encoder
        self.schema = schema
        self.tokenizer = tokenizer
        self.language = language
        self.device = device
        self.precision: ScoringPrecision = precision
        self.most = _KEPT_BYTES // (4 * encoder.hidden_size) if most is None else most
        self._kept: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, texts: Sequence[Sequence[str]]) -> np.ndarray:
        """Vectors of each field's distinct texts, field after field: float32 (texts of all fields, d)."""
        values = [(field, text) for field, some in enumerate(texts) for text in some]
        vectors = np.empty((len(values), self.encoder.hidden_size), np.float32)
        missing = []
        with self._lock:
            for place, value in enumerate(values):
                vector = self._kept.get(value)
                if vector is None:
                    missing.append(place)
                else:
                    vectors[place] = vector
                    self._kept.move_to_end(value)
        if missing:
            vectors[missing] = self._read([values[place] for place in missing])
            last = missing[max(0, len(missing) - self.most) :]
            self._keep({values[place]: vectors[place].copy() for place in last})
        return vectors

    def _read(self, values: Sequence[tuple[int, str]]) -> np.ndarray:
        fields, texts = [field for field, _ in values], [text for _, text in values]
        store = TokenStore.from_texts(texts, fields, self.schema, self.tokenizer, self.language.max_value_tokens)
        sentences = Sentences(store, self.tokenizer, self.language.max_length)
        vectors = np.empty((len(values), self.encoder.hidden_size), np.float32)
        every = np.arange(len(values))
        for places, found in read_values(
            self.encoder, sentences, every, self.language.pooling, self.device, self.precision
        ):
            vectors[places] = found
        return vectors

    def _keep(self, vectors: dict[tuple[int, str], np.ndarray]) -> None:
        with self._lock:
            self._kept.update(vectors)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
