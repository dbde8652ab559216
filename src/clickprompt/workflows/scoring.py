"""Logits of a split's rows, as many at once as suit the device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from clickprompt.batches import SplitReader, sentences_at_once
from clickprompt.methods import Method
from clickprompt.training import Precision, score

_ROWS_WITHOUT_WORDS = 8_192


def score_rows(
    method: Method,
    reader: SplitReader,
    device: torch.device,
    precision: Precision,
    report: Callable[[int, str], None] | None = None,
    micro_batch_size: int | None = None,
) -> np.ndarray:
    """Logit of each row, float32 (rows,); `micro_batch_size` counts where sentences are read."""
    size = _ROWS_WITHOUT_WORDS if reader.sentences is None else micro_batch_size or sentences_at_once(device)
    return score(method, reader.in_order(size), len(reader), device, precision, report)
