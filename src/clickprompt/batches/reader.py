"""A split of a prepared folder, read as batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from clickprompt.batches.sentences import Sentences, token_batch
from clickprompt.contracts import ClickBatch, FieldStatistics, MaskedTokens
from clickprompt.table import Split
from clickprompt.text import mask_tokens, uniforms

_OOV_DROPOUT_STREAM, _FIELD_STREAM = 101, 102
"""Draws of OOV dropout and of masked fields; masked words have streams of their own."""


class Masking:
    """How word pieces are chosen for PA-MLM; fields, where no words are read."""

    def __init__(self, rate: float, seed: int) -> None:
        self.rate = rate
        self.seed = seed


class SplitReader:
    """Gathers any rows of a split (or of several, one after another) as a ClickBatch, without a loop over rows."""

    def __init__(
        self,
        splits: Sequence[Split],
        embedding_rows: np.ndarray,
        statistics: FieldStatistics,
        sentences: Sentences | None = None,
    ) -> None:
        first = splits[0]
        together = len(splits) > 1
        self.value_ids = np.concatenate([split.value_ids for split in splits]) if together else first.value_ids
        self.labels = np.concatenate([split.labels for split in splits]) if together else first.labels
        self.weights: np.ndarray | None = None
        if first.weights is not None:
            self.weights = np.concatenate([split.weights for split in splits if split.weights is not None])
        self.embedding_rows = embedding_rows
        self.oov_rows = int(statistics.offsets[-1]) + np.arange(statistics.num_fields)
        self.sentences = sentences

    def __len__(self) -> int:
        return len(self.value_ids)

    def feature_ids(self, rows: np.ndarray, oov_dropout: float = 0.0, seed: int = 0, epoch: int = 0) -> np.ndarray:
        """Embedding rows, int64 (rows, fields); with OOV dropout drawn by (seed, epoch, row, field) alone."""
        ids = self.embedding_rows[self.value_ids[rows]].astype(np.int64)
        if oov_dropout:
            draws = uniforms(seed, epoch, _OOV_DROPOUT_STREAM, rows, np.arange(ids.shape[1]))
            ids = np.where(draws < oov_dropout, self.oov_rows, ids)
        return ids

    def batch(
        self, rows: np.ndarray, feature_ids: np.ndarray, masking: Masking | None = None, epoch: int = 0
    ) -> ClickBatch:
        """The given rows, whose embedding rows are already known, with their sentences if this reader has any."""
        tokens = masked = masked_fields = None
        if self.sentences is not None:
            ids, lengths = self.sentences.lay_out(self.value_ids[rows])
            if masking is not None:
                ids, positions, targets = mask_tokens(
                    ids, lengths, rows, masking.seed, epoch, self.sentences.tokenizer, masking.rate
                )
                masked = MaskedTokens(torch.from_numpy(positions), torch.from_numpy(targets))
            tokens = token_batch(ids, lengths)
        elif masking is not None:
            masked_fields = torch.from_numpy(self._masked_fields(rows, feature_ids, masking, epoch))
        return ClickBatch(
            rows=torch.from_numpy(rows),
            feature_ids=torch.from_numpy(feature_ids),
            labels=torch.from_numpy(self.labels[rows].astype(np.float32)),
            weights=None if self.weights is None else torch.from_numpy(self.weights[rows].astype(np.float32)),
            tokens=tokens,
            masked=masked,
            masked_fields=masked_fields,
        )

    def _masked_fields(self, rows: np.ndarray, feature_ids: np.ndarray, masking: Masking, epoch: int) -> np.ndarray:
        """Which fields are hidden, bool (rows, fields), drawn by (seed, epoch, row, field) alone; never OOV values."""
        draws = uniforms(masking.seed, epoch, _FIELD_STREAM, rows, np.arange(feature_ids.shape[1]))
        return (draws < masking.rate) & (feature_ids < self.oov_rows[0])

    def in_order(self, batch_size: int) -> Iterator[ClickBatch]:
        """Every row once, for scoring: in row order, or by sentence length where words are read."""
        order = np.arange(len(self))
        if self.sentences is not None:
            order = np.argsort(self.lengths(order), kind="stable")
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield self.batch(rows, self.feature_ids(rows))

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Tokens of each row's sentence, int64 (rows,)."""
        if self.sentences is None:
            raise ValueError("this reader was made without sentences")
        return self.sentences.lengths(self.value_ids[rows])
