"""Logits of a split's rows, as many at once as suit the device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from clickprompt.batches import ROWS_WITH_VALUES, SplitReader, sentences_at_once
from clickprompt.bundle import score_sides
from clickprompt.methods import Method, TwoTower
from clickprompt.training import Precision, reuse_freed_memory, score

_ROWS_WITHOUT_WORDS = 8_192


def score_rows(
    method: Method,
    reader: SplitReader,
    device: torch.device,
    precision: Precision,
    report: Callable[[int, str], None] | None = None,
    micro_batch_size: int | None = None,
) -> np.ndarray:
    """Logit of each row, float32 (rows,); `micro_batch_size` counts where sentences are read.

    A method that reads users and items apart reads each distinct sentence once.
    """
    size = _ROWS_WITHOUT_WORDS if reader.vectors is None else ROWS_WITH_VALUES
    if reader.reads_sentences:
        size = micro_batch_size or sentences_at_once(device)
    if reader.sides is not None:
        return _score_sides(method, reader, device, precision, report, size)
    return score(method, reader.in_order(size), len(reader), device, precision, report)


def _score_sides(
    method: Method,
    reader: SplitReader,
    device: torch.device,
    precision: Precision,
    report: Callable[[int, str], None] | None,
    size: int,
) -> np.ndarray:
    assert isinstance(method, TwoTower)
    assert reader.sides is not None
    if device.type == "cpu":
        reuse_freed_memory()
    was_training = method.training
    method.eval()
    try:
        values = reader.values_of(np.arange(len(reader)))
        return score_sides(method, reader.sides, values, device, precision, size, report)
    finally:
        method.train(was_training)
