"""Scores of a whole split."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from clickprompt.contracts import ClickBatch
from clickprompt.freed_memory import reuse_freed_memory
from clickprompt.precision import Precision, autocast
from clickprompt.training.stop import STOP


@torch.inference_mode()
def score(
    method: nn.Module,
    batches: Iterable[ClickBatch],
    rows: int,
    device: torch.device,
    precision: Precision = "auto",
    report: Callable[[int, str], None] | None = None,
) -> np.ndarray:
    """Logit of each row, float32 (rows,), in row order whatever the order of the batches."""
    if device.type == "cpu":
        reuse_freed_memory()
    was_training = method.training
    method.eval()
    logits = np.empty(rows, dtype=np.float32)
    done = 0
    try:
        for batch in batches:
            STOP.check()
            with autocast(device, precision, reads_words=batch.has_sentences):
                output = method(batch.to(device)).logits
            logits[batch.rows.numpy()] = output.float().cpu().numpy()
            done += len(batch)
            if report is not None:
                report(done, "")
    finally:
        method.train(was_training)
    return logits
