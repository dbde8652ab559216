from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from clickprompt.contracts import ClickBatch, ModelOutput
from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.settings import ClickPromptError
from clickprompt.training import (
    BestWeights,
    CheckpointConfig,
    Checkpoints,
    EarlyStoppingConfig,
    Guard,
    GuardConfig,
    Stopped,
    TrainingConfig,
    TrainingResult,
    Validation,
    build_optimizer,
    signals_stop_training,
    train,
)
from clickprompt.training.state import State
from clickprompt.training.stop import STOP


class Rows:
    """Seven steps an epoch over forty values, drawn by the epoch."""

    steps_per_epoch = 7

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[ClickBatch]]:
        random = np.random.default_rng(epoch)
        ids = torch.from_numpy(random.zipf(1.3, (self.steps_per_epoch, 12, 2)) % 40)
        labels = torch.from_numpy(random.integers(0, 2, (self.steps_per_epoch, 12))).float()
        for i, y in zip(ids[start:], labels[start:], strict=True):
            yield [ClickBatch(torch.arange(len(i)), i, y)]


class Model(nn.Module):
    """A table, dropout that draws from PyTorch's generator, and a layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.table = EmbeddingTable(40, 3, 0.1)
        self.dropout = nn.Dropout(0.3)
        self.layer = nn.Linear(6, 1)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        return ModelOutput(self.layer(self.dropout(self.table(batch.feature_ids)).flatten(1)).squeeze(1))

    def loss(self, batch: ClickBatch) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self(batch).logits, batch.labels, reduction="sum")


class Unhurried(Checkpoints):
    """Waits for each to be written, so that tests know which there are."""

    def save(self, step: int, state: State, *, wait: bool = True) -> None:
        super().save(step, state, wait=True)


class Interrupted(Exception):
    """What ends a training in these tests."""


def trained(
    folder: Path | None = None,
    stop_at: int | None = None,
    optimizer: str = "dense",
    said: list[str] | None = None,
    patience: int | None = None,
    on_step: Callable[[int], None] = lambda step: None,
    on_measure: Callable[[], None] = lambda: None,
    **checkpoint: Any,
) -> tuple[dict[str, torch.Tensor], TrainingResult]:
    config = TrainingConfig(
        epochs=3, embedding_optimizer=optimizer, weight_decay=0.01, schedule="cosine", warmup_ratio=0.1
    )
    model = Model()
    parts = {"ctr": list(model.parameters())}
    taken = 0

    def loss(batch: ClickBatch) -> torch.Tensor:
        nonlocal taken
        taken += 1
        on_step(taken)
        if taken == stop_at:
            raise Interrupted
        return model.loss(batch)

    def measure() -> dict[str, float]:
        on_measure()
        STOP.check()
        model.eval()
        with torch.no_grad():
            logits = torch.cat([model(step[0]).logits for step in Rows().epoch(99)])
        model.train()
        return {"auc": 1 - float(torch.sigmoid(logits).std())}

    stopping = None if patience is None else EarlyStoppingConfig(patience=patience)
    checkpoints = None
    if folder is not None:
        told = said.append if said is not None else lambda line: None
        checkpoints = Unhurried(folder, "the inputs", CheckpointConfig(**{"every_steps": 1, **checkpoint}), told)
    result = train(
        model,
        Rows(),
        loss,
        lambda batch: float(len(batch)),
        build_optimizer(parts, {"ctr": 0.05}, config, [model.table]),
        config,
        torch.device("cpu"),
        validation=Validation(measure, 3, BestWeights(stopping)),
        log_every=2,
        checkpoints=checkpoints,
    )
    return {name: weights.clone() for name, weights in model.state_dict().items()}, result


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def timeless(result: TrainingResult) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if "second" not in name} for record in result.history]


@pytest.mark.parametrize("optimizer", ["dense", "sparse", "rowwise-adagrad"])
@pytest.mark.parametrize("stop_at", [2, 15])
def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, optimizer, stop_at):
    weights, result = trained(optimizer=optimizer)
    with pytest.raises(Interrupted):
        trained(tmp_path / "c", stop_at, optimizer)
    said: list[str] = []
    again, resumed = trained(tmp_path / "c", None, optimizer, said)
    assert said == [f"going on from the checkpoint at step {stop_at - 1} of 21"]
    assert same(weights, again)
    assert timeless(resumed) == timeless(result)
    assert (resumed.best_auc, resumed.best_step, resumed.samples) == (result.best_auc, result.best_step, result.samples)


def test_early_stopping_remembers_what_it_saw(tmp_path):
    weights, result = trained(patience=1)
    assert result.steps < 21
    with pytest.raises(Interrupted):
        trained(tmp_path / "c", result.steps, patience=1)
    again, resumed = trained(tmp_path / "c", patience=1)
    assert resumed.steps == result.steps
    assert same(weights, again)


def test_the_newest_are_kept_and_a_damaged_one_gives_way(tmp_path):
    weights, _ = trained()
    with pytest.raises(Interrupted):
        trained(tmp_path / "c", 12, keep=3)
    kept = sorted(path.name for path in (tmp_path / "c").iterdir())
    assert len(kept) <= 3
    newest = tmp_path / "c" / kept[-1] / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes(content)
    said: list[str] = []
    again, _ = trained(tmp_path / "c", said=said)
    assert "passed over" in said[0]
    assert "SHA-256 differs" in said[0]
    assert said[1] == f"going on from the checkpoint at step {int(kept[-2].removeprefix('step-'))} of 21"
    assert same(weights, again)


def test_checkpoints_of_another_training_are_not_gone_on_from(tmp_path):
    with pytest.raises(Interrupted):
        trained(tmp_path / "c", 5)
    assert Checkpoints(tmp_path / "c", "other inputs", CheckpointConfig(), print).latest() is None
    assert not list((tmp_path / "c").iterdir())


def test_a_disk_that_cannot_be_written_does_not_end_the_training(tmp_path):
    (tmp_path / "c").write_text("a file where a folder should be")
    said: list[str] = []
    weights, _ = trained(tmp_path / "c", said=said)
    assert len(said) == 1
    assert "not written, training goes on" in said[0]
    assert same(weights, trained()[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_after_a_checkpoint(tmp_path, number):
    def ask(step: int) -> None:
        if step == 4:
            os.kill(os.getpid(), number)

    with signals_stop_training(), pytest.raises(Stopped) as stopped:
        trained(tmp_path / "c", on_step=ask, every_steps=None, every_minutes=None)
    assert stopped.value.signal_number == number
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["step-000000004"]
    assert same(trained(tmp_path / "c")[0], trained()[0])


@pytest.mark.parametrize("measurement", [2, 9])
def test_a_validation_that_was_stopped_twice_is_not_lost(tmp_path, measurement):
    weights, result = trained()
    for nth in (measurement, 1):  # the second time as the training goes on
        measured = 0

        def ask() -> None:
            nonlocal measured
            measured += 1
            if measured == nth:  # noqa: B023
                os.kill(os.getpid(), signal.SIGTERM)

        with signals_stop_training(), pytest.raises(Stopped):
            trained(tmp_path / "c", on_measure=ask, every_steps=None, every_minutes=None)
    again, resumed = trained(tmp_path / "c")
    assert same(weights, again)
    assert timeless(resumed) == timeless(result)
    assert (resumed.best_auc, resumed.best_step) == (result.best_auc, result.best_step)


def test_a_damaged_one_takes_nobodys_place(tmp_path):
    with pytest.raises(Interrupted):
        trained(tmp_path / "c", 10, keep=3)
    for step in (8, 9):
        (tmp_path / "c" / f"step-{step:09}" / "state.json").write_text("{")
    with pytest.raises(Interrupted):
        trained(tmp_path / "c", 2, keep=1)  # on from step 7
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["step-000000008"]
    said: list[str] = []
    trained(tmp_path / "c", said=said)
    assert said == ["going on from the checkpoint at step 8 of 21"]


def test_whatever_hinders_writing_is_told(tmp_path, monkeypatch):
    def lack(*arguments: object) -> None:
        raise MemoryError("no memory left")

    monkeypatch.setattr("clickprompt.training.checkpoints.save_file", lack)
    said: list[str] = []
    assert same(trained(tmp_path / "c", said=said)[0], trained()[0])
    assert said == ["checkpoint at step 1 not written, training goes on: no memory left"]


def test_checkpoints_come_by_minutes_too(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("clickprompt.training.checkpoints.time.monotonic", lambda: now[0])
    checkpoints = Checkpoints(tmp_path, "", CheckpointConfig(every_minutes=2), print)
    now[0] = 119.0
    assert not checkpoints.due(10_000)
    now[0] = 120.0
    assert checkpoints.due(10_000)


class BadRows(Rows):
    def __init__(self, bad: set[int]) -> None:
        self.bad = bad

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[ClickBatch]]:
        for place, (batch,) in enumerate(super().epoch(epoch, start), start):
            labels = torch.full_like(batch.labels, float("nan")) if place in self.bad and not epoch else batch.labels
            yield [ClickBatch(batch.rows, batch.feature_ids, labels)]


def guarded(rows: Rows, guard: Guard, optimizer: str = "dense") -> dict[str, torch.Tensor]:
    model = Model()
    config = TrainingConfig(epochs=1, embedding_optimizer=optimizer)
    adam = build_optimizer({"ctr": list(model.parameters())}, {"ctr": 0.05}, config, [model.table])
    train(model, rows, model.loss, lambda b: float(len(b)), adam, config, torch.device("cpu"), log_every=1, guard=guard)
    return model.state_dict()


@pytest.mark.parametrize("optimizer", ["dense", "sparse"])
def test_steps_that_are_not_finite_are_skipped_and_kept(tmp_path, optimizer):
    said: list[str] = []
    weights = guarded(BadRows({1, 4}), Guard(GuardConfig(), said.append, tmp_path), optimizer)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert [line.split(" (")[0] for line in said] == [f"step {s}: the training loss is nan" for s in (2, 5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002.json", "step-000000005.json"]


def test_skipped_rows_that_cannot_be_kept_do_not_end_the_training(tmp_path):
    (tmp_path / "file").touch()
    said: list[str] = []
    guarded(BadRows({1}), Guard(GuardConfig(), said.append, tmp_path / "file"))
    assert len(said) == 1
    assert "its rows are not kept" in said[0]


def test_too_many_of_them_end_the_training(tmp_path):
    with pytest.raises(ClickPromptError, match=r"step 5: the training loss is nan .*, 2 times so far; lower"):
        guarded(BadRows({1, 4}), Guard(GuardConfig(max_skipped_steps=1), lambda line: None, tmp_path))


def test_a_gradient_that_is_not_finite_is_caught_before_it_is_taken(tmp_path):
    class Root(Model):
        def loss(self, batch: ClickBatch) -> torch.Tensor:
            return super().loss(batch) + (self.layer.weight.sum() * 0).sqrt()  # 0, whose gradient is not a number

    model, said = Root(), []
    config = TrainingConfig(epochs=1)
    adam = build_optimizer({"ctr": list(model.parameters())}, {"ctr": 0.05}, config)
    guard = Guard(GuardConfig(), said.append)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    train(model, Rows(), model.loss, lambda b: float(len(b)), adam, config, torch.device("cpu"), guard=guard)
    assert same(before, model.state_dict())
    assert len(said) == 7
    assert "the gradient's norm is nan" in said[0]


def test_a_sudden_rise_of_the_loss_is_told():
    said: list[str] = []
    guard = Guard(GuardConfig(spike_factor=2.0), said.append)
    history = [{"train_loss": loss} for loss in (0.7, None, 0.6, 0.5)]  # None: all its steps were skipped
    assert not guard.look(4, 1.1, history)
    assert guard.look(5, 1.3, history)
    assert said == ["step 5: the training loss rose to 1.3000, 2.2 times the usual"]
