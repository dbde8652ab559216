"""The one training loop: it is handed steps, a loss and a way to validate, and knows nothing of what they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from clickprompt.contracts import ClickBatch
from clickprompt.freed_memory import reuse_freed_memory
from clickprompt.training.checkpoints import Checkpoints
from clickprompt.training.config import TrainingConfig
from clickprompt.training.guard import Guard, GuardConfig
from clickprompt.training.optimizer import MethodOptimizer
from clickprompt.training.result import Loss, Steps, TrainingResult, Validation
from clickprompt.training.running import RunningTraining
from clickprompt.training.stop import STOP


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
    checkpoints: Checkpoints | None = None,
    guard: Guard | None = None,
) -> TrainingResult:
    """Train; afterwards the method holds its best weights if it was validated, else its last.

    A step's loss is Σ loss(micro-batch) / Σ amount(micro-batch), so how a batch is cut never changes the gradient.
    With `checkpoints` it goes on from the latest of them, to the very same result, and after a signal to stop one is
    written before Stopped is raised. Raises ClickPromptError where more losses or gradients are not finite than
    `guard` allows; without one, at the first.
    """
    if device.type == "cpu":
        reuse_freed_memory()
    guard = guard or Guard(GuardConfig(max_skipped_steps=0), lambda line: None)
    training = RunningTraining(method, loss, amount, optimizer, config, device, validation, guard)
    training.total, training.steps_per_epoch = planned_steps(config, steps.steps_per_epoch), steps.steps_per_epoch
    training.log_every = log_every
    result = training.result
    method.train()
    with optimizer, STOP.waiting(), ExitStack() as stack:
        if checkpoints is not None:
            stack.callback(checkpoints.close)
            training.resume(checkpoints)
            if result.steps and report is not None:
                report(result.samples, _note(result.history))
        for micro_batches in () if training.over else training.batches(steps):
            training.take_step(micro_batches)
            if report is not None:
                report(result.samples, _note(result.history))
            if STOP.signal_number is not None:
                training.stop(checkpoints)
            if training.over:
                break
            if checkpoints is not None and checkpoints.due(result.steps):
                checkpoints.save(result.steps, training.state())
        result.seconds = training.seconds
    if validation is not None:
        validation.best.restore(method)
        result.best_auc, result.best_step = validation.best.auc, validation.best.step
    method.eval()
    return result


def _note(history: list[dict[str, Any]]) -> str:
    if not history:
        return ""
    aucs = [record["validation_auc"] for record in history if "validation_auc" in record]
    auc = f", validation AUC {aucs[-1]:.4f}" if aucs else ""
    loss = history[-1]["train_loss"]
    return f"loss {'not finite' if loss is None else f'{loss:.4f}'}{auc}"
