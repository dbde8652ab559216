"""Prepared folder → ClickBatch: shuffled, sorted by length, spans laid end to end, masked."""

from clickprompt.batches.reader import Masking, SplitReader
from clickprompt.batches.sentences import Sentences, permute_within_fields, token_batch
from clickprompt.batches.steps import TrainingSteps

__all__ = ["Masking", "Sentences", "SplitReader", "TrainingSteps", "permute_within_fields", "token_batch"]
