"""What a training loop is handed, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from clickprompt.contracts import ClickBatch
from clickprompt.training.early_stopping import BestWeights

Loss = Callable[[ClickBatch], Tensor]
"""Loss of a micro-batch on the device, summed over what is learned from."""


class Steps(Protocol):
    """Where a loop's rows come from."""

    steps_per_epoch: int

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[ClickBatch]]:
        """The micro-batches of each optimizer step of an epoch, from its step `start` on."""
        ...


@dataclass(frozen=True)
class Validation:
    """How a loop knows how well it does."""

    measure: Callable[[], dict[str, float]]
    """Measures on validation rows, `auc` among them."""
    per_epoch: int
    """Measurements an epoch, at even distances, the last at its end."""
    best: BestWeights


@dataclass
class TrainingResult:
    """What a loop did."""

    steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    best_auc: float | None = None
    best_step: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    """Records of step, epoch, train_loss, learning_rate, samples_per_second, and measures where taken."""
