"""Prepared folder → ClickBatch: shuffled, sorted by length, spans laid end to end, masked."""

from clickprompt.batches.reader import Masking, SplitReader
from clickprompt.batches.row_ids import RowIds, list_ids
from clickprompt.batches.sentences import (
    Sentences,
    masked_tokens,
    permute_within_fields,
    sentences_at_once,
    token_batch,
)
from clickprompt.batches.steps import TrainingSteps

__all__ = [
    "Masking",
    "RowIds",
    "Sentences",
    "SplitReader",
    "TrainingSteps",
    "list_ids",
    "masked_tokens",
    "permute_within_fields",
    "sentences_at_once",
    "token_batch",
]
