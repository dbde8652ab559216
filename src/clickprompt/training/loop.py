"""The one training loop: it is handed steps, a loss and a way to validate, and knows nothing of what they are."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, islice
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch
from clickprompt.freed_memory import reuse_freed_memory
from clickprompt.precision import autocast
from clickprompt.settings import ClickPromptError
from clickprompt.training.config import TrainingConfig
from clickprompt.training.early_stopping import BestWeights
from clickprompt.training.optimizer import MethodOptimizer
from clickprompt.training.prefetch import prefetch
from clickprompt.training.schedule import learning_rate_factor

_STEPS_AHEAD = 4
"""Optimizer steps whose batches are made ready while the device computes."""

Loss = Callable[[ClickBatch], Tensor]
"""Loss of a micro-batch on the device, summed over what is learned from."""


class Steps(Protocol):
    """Where a loop's rows come from."""

    steps_per_epoch: int

    def epoch(self, epoch: int) -> Iterator[list[ClickBatch]]:
        """The micro-batches of each optimizer step of an epoch."""
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


def planned_steps(config: TrainingConfig, steps_per_epoch: int) -> int:
    """Optimizer steps a run will take if nothing stops it early."""
    total = config.epochs * steps_per_epoch
    return total if config.max_steps is None else min(total, config.max_steps)


def train(
    method: nn.Module,
    steps: Steps,
    loss: Loss,
    amount: Callable[[ClickBatch], float],
    optimizer: MethodOptimizer,
    config: TrainingConfig,
    device: torch.device,
    *,
    validation: Validation | None = None,
    report: Callable[[int, str], None] | None = None,
    log_every: int = 50,
) -> TrainingResult:
    """Train; afterwards the method holds its best weights if it was validated, else its last.

    A step's loss is Σ loss(micro-batch) / Σ amount(micro-batch), so how a batch is cut never changes the gradient.
    Raises ClickPromptError at the first logged loss that is not finite.
    """
    if device.type == "cpu":
        reuse_freed_memory()
    result = TrainingResult()
    total = planned_steps(config, steps.steps_per_epoch)
    epoch_steps = min(steps.steps_per_epoch, total)
    window_loss, window_steps = torch.zeros((), device=device), 0
    started, measuring = time.perf_counter(), 0.0
    method.train()
    with optimizer:
        for micro_batches in prefetch(_steps_of(steps, total), partial(_pinned, device=device), _STEPS_AHEAD):
            optimizer.scale_rates(learning_rate_factor(result.steps, total, config.warmup_ratio, config.schedule))
            window_loss += _take_step(micro_batches, loss, amount, optimizer, config, device)
            window_steps += 1
            result.steps += 1
            result.samples += sum(len(batch) for batch in micro_batches)
            last = result.steps == total
            at_validation = validation is not None and (last or _due(result.steps, validation.per_epoch, epoch_steps))
            if result.steps % log_every == 0 or last or at_validation:
                record = {
                    "step": result.steps,
                    "epoch": round(result.steps / steps.steps_per_epoch, 4),
                    "train_loss": _finite(float(window_loss) / window_steps, result.steps),
                    "learning_rate": optimizer.learning_rate,
                    "samples_per_second": result.samples / (time.perf_counter() - started - measuring),
                    "seconds": time.perf_counter() - started,
                }
                window_loss, window_steps = torch.zeros((), device=device), 0
                if at_validation and validation is not None:
                    before = time.perf_counter()
                    measures = validation.measure()
                    measuring += time.perf_counter() - before
                    validation.best.offer(
                        lambda weights: optimizer.read_into(weights, method), measures["auc"], result.steps
                    )
                    record |= {f"validation_{name}": value for name, value in measures.items()}
                result.history.append(record)
            if report is not None:
                report(result.samples, _note(result.history))
            if validation is not None and validation.best.exhausted:
                break
        result.seconds = time.perf_counter() - started
    if validation is not None:
        validation.best.restore(method)
        result.best_auc, result.best_step = validation.best.auc, validation.best.step
    method.eval()
    return result


def _steps_of(steps: Steps, total: int) -> Iterator[list[ClickBatch]]:
    """Epoch after epoch, until `total` steps."""
    return islice(chain.from_iterable(map(steps.epoch, count())), total)


def _pinned(micro_batches: list[ClickBatch], device: torch.device) -> list[ClickBatch]:
    """Micro-batches from where the device copies them without making anyone wait."""
    return [batch.pin_memory() for batch in micro_batches] if device.type == "cuda" else micro_batches


def _take_step(
    micro_batches: list[ClickBatch],
    loss: Loss,
    amount: Callable[[ClickBatch], float],
    optimizer: MethodOptimizer,
    config: TrainingConfig,
    device: torch.device,
) -> Tensor:
    """One optimizer step over all micro-batches; the step's loss, a scalar."""
    whole = sum(amount(batch) for batch in micro_batches)
    step_loss = torch.zeros((), device=device)
    for batch in micro_batches:
        with autocast(device, config.precision, reads_words=batch.has_sentences):
            part = loss(batch.to(device)) / max(whole, 1e-12)
        part.backward()
        step_loss += part.detach()
    if config.gradient_clip is not None:
        optimizer.clip(config.gradient_clip)
    optimizer.step()
    return step_loss


def _finite(loss: float, step: int) -> float:
    if math.isfinite(loss):
        return loss
    raise ClickPromptError(f"step {step}: the training loss is {loss}; lower the learning rates or set gradient_clip")


def _due(step: int, times: int, epoch_steps: int) -> bool:
    """Whether `step` is the first at or past one of the epoch's `times` even marks."""
    return step * times // epoch_steps > (step - 1) * times // epoch_steps


def _note(history: list[dict[str, Any]]) -> str:
    if not history:
        return ""
    aucs = [record["validation_auc"] for record in history if "validation_auc" in record]
    auc = f", validation AUC {aucs[-1]:.4f}" if aucs else ""
    return f"loss {history[-1]['train_loss']:.4f}{auc}"
