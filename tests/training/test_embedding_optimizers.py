"""Embedding optimizers inside a method and the loop."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from clickprompt.contracts import ClickBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.methods import IDOnly
from clickprompt.settings import ClickPromptError
from clickprompt.training import BestWeights, TrainingConfig, Validation, build_optimizer, train
from clickprompt.training import optimizer as optimizer_module
from clickprompt.training.rowwise_adagrad import RowwiseAdagrad
from clickprompt.training.sparse_adamw import SparseAdamW

ROWS, FIELDS = 40, 3


def clicked(ids: torch.Tensor) -> torch.Tensor:
    """A click where most values of the row are even."""
    return (ids % 2 == 0).sum(1).ge(2).double()


class RandomRows:
    """Six steps an epoch of two micro-batches."""

    steps_per_epoch = 6

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[ClickBatch]]:
        random = np.random.default_rng(epoch)
        for _ in range(self.steps_per_epoch - start):
            ids = torch.from_numpy(random.zipf(1.4, (10, FIELDS)) % ROWS)
            labels = clicked(ids)
            pieces = torch.arange(10).split(6)
            yield [ClickBatch(piece, ids[piece], labels[piece]) for piece in pieces]


@pytest.fixture
def method() -> IDOnly:
    torch.manual_seed(0)
    return IDOnly(
        build_ctr_model(DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(8,)), FIELDS, ROWS)
    ).double()


def trained(method: IDOnly, validation: Validation | None = None, **settings: Any) -> IDOnly:
    method = copy.deepcopy(method)
    config = TrainingConfig(epochs=20, schedule="cosine", warmup_ratio=0.1, **settings)
    optimizer = build_optimizer(method.parts(), {"ctr": 0.01}, config, method.embedding_tables())
    train(
        method,
        RandomRows(),
        method.click_loss,
        method.click_amount,
        optimizer,
        config,
        torch.device("cpu"),
        validation=validation,
    )
    return method


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"gradient_clip": 0.05}])
def test_sparse_learns_what_dense_learns(method: IDOnly, settings: dict[str, float]):
    dense = trained(method, embedding_optimizer="dense", **settings)
    sparse = trained(method, embedding_optimizer="sparse", **settings)
    assert (dense.ctr.embedding.weight - method.ctr.embedding.weight).abs().max() > 0.05
    for name, parameter in sparse.named_parameters():
        torch.testing.assert_close(parameter, dense.get_parameter(name), rtol=1e-6, atol=1e-9)


def test_the_best_weights_are_those_of_their_step(method: IDOnly):
    def best_at(validated: int, embedding_optimizer: str) -> IDOnly:
        answers = iter([0.9 if step == validated else 0.5 for step in range(20)])
        validation = Validation(lambda: {"auc": next(answers)}, 1, BestWeights(None))
        return trained(method, validation, embedding_optimizer=embedding_optimizer)

    dense, sparse = best_at(3, "dense"), best_at(3, "sparse")
    for name, parameter in sparse.named_parameters():
        torch.testing.assert_close(parameter, dense.get_parameter(name), rtol=1e-6, atol=1e-9)
    assert not torch.equal(sparse.ctr.embedding.weight, trained(method).ctr.embedding.weight)


def test_rowwise_adagrad_learns(method: IDOnly):
    ids = torch.cat([batch.feature_ids for step in RandomRows().epoch(0) for batch in step])
    labels = clicked(ids)
    after = trained(method, embedding_optimizer="rowwise-adagrad", embedding_learning_rate=0.1)
    logits = after.ctr(ids)
    assert logits[labels == 1].mean() > logits[labels == 0].mean() + 1


def test_auto_goes_by_the_size_of_the_table(method: IDOnly, monkeypatch: pytest.MonkeyPatch):
    def chosen(**settings: Any) -> list[type]:
        config = TrainingConfig(**settings)
        optimizer = build_optimizer(method.parts(), {"ctr": 0.01}, config, method.embedding_tables())
        optimizer.release()
        return [type(table) for table in optimizer.tables]

    assert chosen() == []
    assert chosen(embedding_optimizer="rowwise-adagrad") == [RowwiseAdagrad]
    monkeypatch.setitem(optimizer_module.LARGE_TABLE, "cpu", ROWS * 4)
    assert chosen() == [SparseAdamW]
    assert chosen(embedding_optimizer="dense") == []


@pytest.mark.parametrize("embedding_optimizer", ["dense", "sparse", "rowwise-adagrad"])
def test_the_table_has_a_rate_of_its_own(method: IDOnly, embedding_optimizer: Any):
    frozen = trained(method, embedding_optimizer=embedding_optimizer, embedding_learning_rate=0.0)
    assert torch.equal(frozen.ctr.embedding.weight, method.ctr.embedding.weight)
    assert not torch.equal(frozen.ctr.output.weight, method.ctr.output.weight)
    slow = trained(method, embedding_optimizer=embedding_optimizer, embedding_learning_rate=1e-6)
    moved = (slow.ctr.embedding.weight - method.ctr.embedding.weight).abs().max()
    assert 0 < moved < 1e-3


def test_a_table_whose_rate_is_zero_is_not_among_the_groups(method: IDOnly):
    config = TrainingConfig(embedding_learning_rate=0.0)
    optimizer = build_optimizer(method.parts(), {"ctr": 0.01}, config, method.embedding_tables())
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert id(method.ctr.embedding.weight) not in held


def test_a_training_that_fails_leaves_an_ordinary_method(method: IDOnly):
    config = TrainingConfig(epochs=1, embedding_optimizer="sparse")
    optimizer = build_optimizer(method.parts(), {"ctr": 0.01}, config, method.embedding_tables())
    losses = iter(range(7))

    def loss(batch: ClickBatch) -> torch.Tensor:
        if next(losses) == 5:
            raise KeyboardInterrupt
        return method.click_loss(batch)

    with pytest.raises(KeyboardInterrupt):
        train(method, RandomRows(), loss, method.click_amount, optimizer, config, torch.device("cpu"))
    assert method.ctr.embedding.lookup is None
    assert method.ctr.embedding.weight.is_contiguous()
    before = method.ctr.embedding.weight.detach().clone()
    assert not torch.equal(trained(method, embedding_optimizer="dense").ctr.embedding.weight, before)


def test_decay_must_leave_something(method: IDOnly):
    config = TrainingConfig(embedding_optimizer="sparse", weight_decay=200)
    with pytest.raises(ClickPromptError, match=r"weight_decay 200 times the table's learning rate 0\.01"):
        build_optimizer(method.parts(), {"ctr": 0.01}, config, method.embedding_tables())


@pytest.mark.parametrize("embedding_optimizer", ["dense", "sparse"])
def test_the_rate_that_is_logged_is_the_layers(method: IDOnly, embedding_optimizer: Any):
    config = TrainingConfig(embedding_optimizer=embedding_optimizer, embedding_learning_rate=0.5)
    optimizer = build_optimizer(method.parts(), {"ctr": 0.01}, config, method.embedding_tables())
    assert optimizer.learning_rate == 0.01
