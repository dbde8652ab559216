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
from clickprompt.batches.sides import Sides, side_columns
from clickprompt.batches.steps import TrainingSteps
from clickprompt.batches.values import ROWS_WITH_VALUES, ValueVectors

__all__ = [
    "ROWS_WITH_VALUES",
    "Masking",
    "RowIds",
    "Sentences",
    "Sides",
    "SplitReader",
    "TrainingSteps",
    "ValueVectors",
    "list_ids",
    "masked_tokens",
    "permute_within_fields",
    "sentences_at_once",
    "side_columns",
    "token_batch",
]
