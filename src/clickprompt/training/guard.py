"""Steps whose loss or gradient is not a number are passed over and kept for a look; sudden rises are told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import Field as Setting
from pydantic import NonNegativeInt

from clickprompt.contracts import ClickBatch
from clickprompt.settings import ClickPromptError, Settings
from clickprompt.storage import write_file

_WINDOWS = 10
"""Logged losses that a rise is measured against."""
_LEAST_WINDOWS = 3


class GuardConfig(Settings):
    """What training does about numbers that go wrong."""

    max_skipped_steps: NonNegativeInt = 10
    """Steps whose loss or gradient is not finite are skipped; one more than so many ends the training."""
    spike_factor: float = Setting(default=3.0, gt=1)
    """A logged training loss so many times the median of those before it is told as a spike."""
    check_resources: bool = True
    """Before training, refuse what surely does not fit into memory or onto the disk."""


class Guard:
    """Watches one training. `folder`: where batches of skipped steps are kept, as JSON."""

    def __init__(self, config: GuardConfig, say: Callable[[str], None], folder: Path | None = None) -> None:
        self.config = config
        self.say = say
        self.folder = folder
        self.skipped = 0
        """Steps so far."""

    def skip(self, step: int, loss: float, norm: float, batches: Sequence[ClickBatch]) -> None:
        """Count a step whose loss or gradient norm is not finite. Raises ClickPromptError where it is one too many."""
        self.skipped += 1
        what = f"the training loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
        where = self._keep(step, loss, norm, batches)
        told = f"step {step}: {what}{where}"
        if self.skipped > self.config.max_skipped_steps:
            times = f", {self.skipped} times so far" if self.skipped > 1 else ""
            raise ClickPromptError(f"{told}{times}; lower the learning rates or set gradient_clip")
        self.say(f"{told}; step skipped ({self.skipped} of at most {self.config.max_skipped_steps})")

    def look(self, step: int, loss: float, history: Sequence[dict[str, Any]]) -> bool:
        """Whether a logged loss is a spike; told if so."""
        told = [record["train_loss"] for record in history[-_WINDOWS:] if not record.get("spike")]
        before = [known for known in told if known is not None]
        if len(before) < _LEAST_WINDOWS or not loss > self.config.spike_factor * median(before) > 0:
            return False
        self.say(f"step {step}: the training loss rose to {loss:.4f}, {loss / median(before):.1f} times the usual")
        return True

    def _keep(self, step: int, loss: float, norm: float, batches: Sequence[ClickBatch]) -> str:
        if self.folder is None:
            return ""
        path = self.folder / f"step-{step:09}.json"
        content = {
            "step": step,
            "loss": str(loss),
            "gradient_norm": str(norm),
            "rows": [row for batch in batches for row in batch.rows.tolist()],
            "labels": [label for batch in batches for label in batch.labels.tolist()],
            "feature_ids": [ids for batch in batches for ids in batch.feature_ids.tolist()],
        }
        try:
            write_file(path, json.dumps(content) + "\n")
        except ClickPromptError as error:
            return f" (its rows are not kept: {error})"
        return f" (its rows: {path})"
