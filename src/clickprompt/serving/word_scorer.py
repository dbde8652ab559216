"""A model that reads words, scored by PyTorch in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.contracts import TableSchema
from clickprompt.precision import ScoringPrecision
from clickprompt.serving.encoded_words import EncodedWords, together, with_each_unseen
from clickprompt.serving.examples import examples_of
from clickprompt.serving.scorer import Encoded, Scored
from clickprompt.table import EncodedRows, Vocabulary

LONGEST_TEXT = 10_000
"""Characters of a value whose words are read. `max_value_tokens` end long before; cutting megabytes into tokens would
keep everybody waiting."""


class WordScorer:
    """Scores by a predictor; sentences are cut at the model's `max_length` and `max_value_tokens`, as in training.

    Each run takes one of PyTorch's threads: requests share the cores by running side by side.
    """

    rows_at_once = 16
    rows_inline = 0

    def __init__(self, bundle: Path, precision: ScoringPrecision, vocabulary: Path | None = None) -> None:
        torch.set_num_threads(1)
        loaded = load_bundle(bundle)
        if vocabulary is not None:
            loaded = replace(loaded, vocabulary=Vocabulary.load(vocabulary))
        self._predictor = Predictor(loaded, precision=precision)
        self.vocabulary = loaded.vocabulary

    @property
    def schema(self) -> TableSchema:
        """Its fields."""
        return self.vocabulary.schema

    def encode_rows(self, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> EncodedWords:
        """See Scorer."""
        given = {name for name in self.schema.names if name in shared or any(name in row for row in rows)}
        columns = {name: [row.get(name, shared.get(name)) for row in rows] for name in given}
        return self.encode_columns(columns, len(rows))

    def encode_columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> EncodedWords:
        """See Scorer."""
        known = {name: columns[name] for name in self.schema.names if name in columns}
        if known:
            return EncodedWords(_cut(self.vocabulary.encode(known)))
        encoded = self.vocabulary.encode({self.schema.names[0]: [None] * rows})
        return EncodedWords(replace(encoded, unseen={}))

    def score(self, requests: Sequence[Encoded]) -> list[Scored]:
        """See Scorer."""
        own = [_own(request) for request in requests]
        probability = self._predictor.score_encoded(together([request.encoded for request in own])).probability
        each = np.split(probability, np.cumsum([request.rows for request in own])[:-1])
        return [Scored(of, request.encoded.unseen) for of, request in zip(each, own, strict=True)]

    def explain(self, row: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        """See Scorer; the out-of-vocabulary row stands in for a field's value, and its words become "unknown"."""
        fields = [place for place, field in enumerate(self.schema.fields) if field.score_as is None]
        names = [self.schema.fields[place].name for place in fields]
        encoded = self.encode_rows([row], {}).encoded
        hidden = with_each_unseen(encoded, fields, int(self.vocabulary.statistics.offsets[-1]))
        probability = self._predictor.score_encoded(hidden).probability.tolist()
        return probability[0], dict(zip(names, probability[1:], strict=True))

    def examples(self, most: int) -> dict[str, list[Any]]:
        """See Scorer."""
        return examples_of(self.vocabulary, most)


def _cut(encoded: EncodedRows) -> EncodedRows:
    return replace(encoded, texts=[[text[:LONGEST_TEXT] for text in of_field] for of_field in encoded.texts])


def _own(request: Encoded) -> EncodedWords:
    assert isinstance(request, EncodedWords)
    return request
