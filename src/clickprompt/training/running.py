"""A training between two of its steps: all that a checkpoint must hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, islice
from typing import Any

import torch
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch
from clickprompt.precision import autocast
from clickprompt.prefetch import prefetch
from clickprompt.training.checkpoints import Checkpoints
from clickprompt.training.config import TrainingConfig
from clickprompt.training.guard import Guard
from clickprompt.training.optimizer import MethodOptimizer
from clickprompt.training.result import Loss, Steps, TrainingResult, Validation
from clickprompt.training.schedule import learning_rate_factor
from clickprompt.training.state import State, random_state, restore_random_state
from clickprompt.training.stop import STOP, Stopped

_STEPS_AHEAD = 4
"""Optimizer steps whose batches are made ready while the device computes."""


@dataclass
class RunningTraining:
    """A training between two of its steps."""

    method: nn.Module
    loss: Loss
    amount: Callable[[ClickBatch], float]
    optimizer: MethodOptimizer
    config: TrainingConfig
    device: torch.device
    validation: Validation | None
    guard: Guard
    total: int = 0
    """Steps to be taken."""
    steps_per_epoch: int = 1
    log_every: int = 1
    result: TrainingResult = field(default_factory=TrainingResult)
    window_steps: int = 0
    """Steps since the last record."""
    measuring: float = 0.0
    """Seconds spent on validation."""
    before: float = 0.0
    """Seconds that this training took in earlier processes."""
    unvalidated: bool = False
    """Whether the last step's validation is still to be done."""

    def __post_init__(self) -> None:
        self.started = time.perf_counter()
        self.window_loss = torch.zeros((), device=self.device)

    @property
    def seconds(self) -> float:
        """So far, in all processes together."""
        return self.before + time.perf_counter() - self.started

    @property
    def over(self) -> bool:
        """Whether the last step was taken."""
        return self.result.steps >= self.total or (self.validation is not None and self.validation.best.exhausted)

    def batches(self, steps: Steps) -> Iterator[list[ClickBatch]]:
        """The micro-batches of each step that is still to be taken, made ahead."""
        some = _steps_of(steps, self.result.steps, self.total)
        return prefetch(some, partial(_pinned, device=self.device), _STEPS_AHEAD)

    def take_step(self, micro_batches: list[ClickBatch]) -> None:
        """One optimizer step, and what is due after it."""
        result = self.result
        self._set_rates(result.steps)
        loss = self._learn(micro_batches)
        if loss is not None:
            self.window_loss += loss
            self.window_steps += 1
        result.steps += 1
        result.samples += sum(len(batch) for batch in micro_batches)
        self._after_step()

    def _set_rates(self, step: int) -> None:
        factor = learning_rate_factor(step, self.total, self.config.warmup_ratio, self.config.schedule)
        self.optimizer.scale_rates(factor)

    def _learn(self, micro_batches: list[ClickBatch]) -> Tensor | None:
        """The step's loss, a scalar; None where the step was skipped for numbers that are not finite."""
        whole = sum(self.amount(batch) for batch in micro_batches)
        step_loss = torch.zeros((), device=self.device)
        for batch in micro_batches:
            with autocast(self.device, self.config.precision, reads_words=batch.has_sentences):
                part = self.loss(batch.to(self.device)) / max(whole, 1e-12)
            part.backward()
            step_loss += part.detach()
        norm = self.optimizer.clip(self.config.gradient_clip)
        if not bool(torch.isfinite(norm + step_loss)):
            self.optimizer.skip()
            self.guard.skip(self.result.steps + 1, float(step_loss), float(norm), micro_batches)
            return None
        self.optimizer.step()
        return step_loss

    def _after_step(self) -> None:
        """A record of the step where one is due, with validation where that is."""
        result, validation = self.result, self.validation
        epoch_steps = min(self.steps_per_epoch, self.total)
        last = result.steps == self.total
        at_validation = validation is not None and (last or _due(result.steps, validation.per_epoch, epoch_steps))
        if not (result.steps % self.log_every == 0 or last or at_validation) or not (
            self.window_steps or at_validation
        ):
            return
        record: dict[str, Any] = {
            "step": result.steps,
            "epoch": round(result.steps / self.steps_per_epoch, 4),
            "train_loss": float(self.window_loss) / self.window_steps if self.window_steps else None,
            "learning_rate": self.optimizer.learning_rate,
            "samples_per_second": result.samples / (self.seconds - self.measuring),
            "seconds": self.seconds,
        }
        if at_validation and validation is not None:
            self.unvalidated = True  # until it is through: a signal may come between
            before = time.perf_counter()
            try:
                measures = validation.measure()
            except Stopped:
                return
            self.measuring += time.perf_counter() - before
            validation.best.offer(
                lambda weights: self.optimizer.read_into(weights, self.method), measures["auc"], result.steps
            )
            record |= {f"validation_{name}": value for name, value in measures.items()}
            self.unvalidated = False
        if record["train_loss"] is not None and self.guard.look(result.steps, record["train_loss"], result.history):
            record["spike"] = True
        self.window_loss, self.window_steps = torch.zeros((), device=self.device), 0
        result.history.append(record)

    def resume(self, checkpoints: Checkpoints) -> None:
        """Go on from the latest checkpoint, if there is one."""
        state = checkpoints.latest()
        if state is None:
            return
        values = state.part("loop").values
        for name, value in values["result"].items():
            setattr(self.result, name, value)
        self.window_steps, self.measuring, self.before = (values[name] for name in ("window", "measuring", "seconds"))
        self.guard.skipped, self.unvalidated = values["skipped"], values["unvalidated"]
        self.window_loss = state.part("loop").tensors["window_loss"].to(self.device)
        self.optimizer.load(state.part("optimizer"), self.method)
        if self.validation is not None:
            self.validation.best.load(state.part("best"), self.device)
        restore_random_state(state.part("random"), self.device)
        checkpoints.say(f"going on from the checkpoint at step {self.result.steps:,} of {self.total:,}")
        if self.unvalidated:
            self._set_rates(self.result.steps - 1)
            self._after_step()
            STOP.check()  # a signal during this validation too: the checkpoint at hand says all

    def state(self) -> State:
        """All of it."""
        state, result = State(), self.result
        loop = {
            "result": {"steps": result.steps, "samples": result.samples, "history": result.history},
            "window": self.window_steps,
            "measuring": self.measuring,
            "seconds": self.seconds,
            "skipped": self.guard.skipped,
            "unvalidated": self.unvalidated,
        }
        state.put("loop", State({"window_loss": self.window_loss}, loop))
        state.put("optimizer", self.optimizer.state(self.method))
        if self.validation is not None:
            state.put("best", self.validation.best.state())
        state.put("random", random_state(self.device))
        return state

    def stop(self, checkpoints: Checkpoints | None) -> None:
        """Write a last checkpoint; raises Stopped."""
        if checkpoints is not None:
            checkpoints.save(self.result.steps, self.state(), wait=True)
        STOP.check()


def _steps_of(steps: Steps, done: int, total: int) -> Iterator[list[ClickBatch]]:
    """Epoch after epoch, from the step after `done` until `total` steps."""
    epoch, start = divmod(done, steps.steps_per_epoch)
    later = chain.from_iterable(map(steps.epoch, count(epoch + 1)))
    return islice(chain(steps.epoch(epoch, start), later), total - done)


def _pinned(micro_batches: list[ClickBatch], device: torch.device) -> list[ClickBatch]:
    """Micro-batches from where the device copies them without making anyone wait."""
    return [batch.pin_memory() for batch in micro_batches] if device.type == "cuda" else micro_batches


def _due(step: int, times: int, epoch_steps: int) -> bool:
    """Whether `step` is the first at or past one of the epoch's `times` even marks."""
    return step * times // epoch_steps > (step - 1) * times // epoch_steps
