from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from clickprompt.contracts import ClickBatch, ModelOutput
from clickprompt.settings import ClickPromptError
from clickprompt.training import BestWeights, EarlyStoppingConfig, TrainingConfig, Validation, build_optimizer, train


class Logistic(nn.Module):
    """A method as small as they come: one weight a value."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 1, dtype=torch.float64))

    def forward(self, batch: ClickBatch) -> ModelOutput:
        return ModelOutput(self.weight[batch.feature_ids[:, 0], 0])


class Rows:
    """Twelve rows a step, cut into micro-batches of given sizes."""

    def __init__(self, cuts: tuple[int, ...], steps: int = 6) -> None:
        self.cuts = cuts
        self.steps_per_epoch = steps
        generator = torch.Generator().manual_seed(0)
        self.ids = torch.randint(0, 4, (steps, 12, 1), generator=generator)
        self.labels = (torch.rand(steps, 12, generator=generator) < 0.2 + 0.2 * self.ids[..., 0]).double()

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[ClickBatch]]:
        for ids, labels in zip(self.ids[start:], self.labels[start:], strict=True):
            parts = zip(ids.split(self.cuts), labels.split(self.cuts), strict=True)
            yield [ClickBatch(torch.arange(len(i)), i, y) for i, y in parts]


def fit(rows: Rows, **settings):
    method = Logistic()

    def loss(batch: ClickBatch) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(method(batch).logits, batch.labels, reduction="sum")

    config = TrainingConfig(ctr_learning_rate=0.05, **{"epochs": 3, **settings.pop("config", {})})
    optimizer = build_optimizer({"ctr": method.parameters()}, {"ctr": 0.05}, config)
    result = train(
        method,
        rows,
        loss,
        lambda batch: float(len(batch)),
        optimizer,
        config,
        torch.device("cpu"),
        log_every=1,
        **settings,
    )
    return method, result


def scripted(aucs: list[float], patience: int | None, per_epoch: int = 1) -> Validation:
    """Validation that says what it is told to, to see what the loop makes of it."""
    answers = iter(aucs)
    stopping = None if patience is None else EarlyStoppingConfig(patience=patience)
    return Validation(lambda: {"auc": next(answers)}, per_epoch, BestWeights(stopping))


def test_a_plain_torch_loop_ends_at_the_same_weights():
    rows = Rows((12,))
    method, result = fit(rows)
    weight = torch.zeros(4, 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=0.05, weight_decay=0.0)
    for _ in range(3):
        for ids, labels in zip(rows.ids, rows.labels, strict=True):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(weight[ids[:, 0], 0], labels).backward()
            optimizer.step()
    torch.testing.assert_close(method.weight, weight, rtol=1e-12, atol=1e-12)
    assert (result.steps, result.samples) == (18, 216)


def test_how_a_batch_is_cut_changes_nothing():
    whole, _ = fit(Rows((12,)))
    cut, _ = fit(Rows((5, 1, 6)))
    torch.testing.assert_close(cut.weight, whole.weight, rtol=1e-12, atol=1e-12)


def test_max_steps_ends_the_run_and_sets_the_schedule():
    _, result = fit(Rows((12,)), config={"max_steps": 4, "schedule": "linear"})
    assert result.steps == 4
    rates = [record["learning_rate"] for record in result.history]
    assert rates == pytest.approx([0.05, 0.0375, 0.025, 0.0125])


def test_the_best_weights_are_kept_not_the_last():
    validation = scripted([0.6, 0.9, 0.7], patience=None)
    method, result = fit(Rows((12,)), validation=validation)
    best, _ = fit(Rows((12,)), config={"epochs": 2})
    assert (result.best_auc, result.best_step, result.steps) == (0.9, 12, 18)
    assert torch.equal(method.weight, best.weight)


def test_patience_runs_out_within_an_epoch():
    _, result = fit(Rows((12,)), validation=scripted([0.9, 0.8, 0.8, 0.8], patience=1, per_epoch=3))
    assert result.steps == 6
    assert result.best_step == 2


def test_even_marks_within_an_epoch():
    _, result = fit(Rows((12,), steps=7), config={"epochs": 1}, validation=scripted([0.1, 0.2], None, per_epoch=2))
    assert [record["step"] for record in result.history if "validation_auc" in record] == [4, 7]


def test_a_loss_that_is_not_finite_is_an_error():
    rows = Rows((12,))
    rows.labels[2, 0] = float("nan")
    with pytest.raises(ClickPromptError, match=r"step 3: the training loss is nan; lower the learning rates"):
        fit(rows)


def test_gradient_clip_bounds_the_norm():
    seen = []
    method = Logistic()
    config = TrainingConfig(epochs=1, gradient_clip=1e-3)
    optimizer = build_optimizer({"ctr": method.parameters()}, {"ctr": 0.1}, config)
    optimizer.dense.register_step_pre_hook(lambda *_: seen.append(float(method.weight.grad.norm())))

    def loss(batch: ClickBatch) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(method(batch).logits, batch.labels, reduction="sum")

    train(method, Rows((12,)), loss, lambda batch: 12.0, optimizer, config, torch.device("cpu"))
    assert seen == pytest.approx([1e-3] * 6, rel=1e-2)
