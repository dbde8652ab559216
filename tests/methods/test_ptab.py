from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import PTab, PTabConfig
from clickprompt.training import TrainingConfig, build_optimizer


def ptab(folder: Path, pooling: str = "mean", **settings) -> PTab:
    torch.manual_seed(0)
    config = LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0, **settings)
    loaded = load_language_model(config)
    method = PTab(loaded.encoder, pooling, config.tuning)
    method.masked_token_head = loaded.masked_token_head
    return method.double().eval()


def batch() -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    lengths = np.array([6, 6, 8, 9])
    words = torch.randint(5, 60, (29,), generator=generator)
    positions = np.array([2, 8, 14, 15, 22])
    return ClickBatch(
        rows=torch.arange(4),
        feature_ids=torch.zeros(4, 3, dtype=torch.long),
        labels=torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64),
        tokens=token_batch(words.numpy(), lengths),
        masked=masked_tokens(positions, words[positions - 1].numpy(), lengths),
    )


def states_of(method: PTab, rows: ClickBatch) -> list[np.ndarray]:
    """Last states of each sentence, each read alone."""
    words = torch.tensor_split(rows.tokens.ids, rows.tokens.starts[1:].tolist())
    with torch.no_grad():
        return [method.language(token_batch(w.numpy(), np.array([len(w)]))).last.numpy() for w in words]


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_logit_is_the_perceptron_of_the_pooled_states_whatever_the_batch(tiny_bert, pooling):
    method, rows = ptab(tiny_bert, pooling), batch()
    w1, b1, w2, b2 = (parameter.detach().numpy() for parameter in method.language_head.parameters())
    for logit, states in zip(method(rows).logits.tolist(), states_of(method, rows), strict=True):
        pooled = states[0] if pooling == "cls" else states.mean(axis=0)
        np.testing.assert_allclose(logit, (w2 @ np.tanh(w1 @ pooled + b1) + b2)[0], rtol=1e-10)


def test_pretraining_loss_is_the_cross_entropy_of_the_hidden_words(tiny_bert):
    method, rows = ptab(tiny_bert), batch()
    states = np.concatenate(states_of(method, rows))
    with torch.no_grad():
        logits = method.masked_token_head(torch.from_numpy(states[rows.masked.positions])).numpy()
    targets = rows.masked.targets.numpy()
    expected = (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(5), targets]).sum()
    np.testing.assert_allclose(method.pretraining_loss(rows).item(), expected, rtol=1e-10)
    assert method.pretraining_amount(rows) == 5
    assert torch.equal(method.pretraining_loss(replace(rows, labels=1 - rows.labels)), method.pretraining_loss(rows))


def test_ids_and_labels_are_never_read(tiny_bert):
    method, rows = ptab(tiny_bert), batch()
    other = replace(rows, feature_ids=rows.feature_ids + 7, labels=1 - rows.labels)
    assert torch.equal(method(other).logits, method(rows).logits)
    assert method.ctr is None
    assert method.embedding_tables() == []


def test_clicks_tune_the_whole_language_model_or_where_it_is_frozen_the_head_alone(tiny_bert):
    rows = batch()
    for tuning, trains in (("full", True), ("frozen", False)):
        method = ptab(tiny_bert, tuning=tuning)
        method.masked_token_head = None
        with build_optimizer(method.parts(), {"ctr": 1e-3, "language": 1e-3}, TrainingConfig()):
            method.click_loss(rows).backward()
        taught = {name for name, p in method.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        assert any(name.startswith("language.") for name in taught) == trains
        assert {f"language_head.{part}" for part in ("0.weight", "0.bias", "2.weight", "2.bias")} <= taught


def test_a_batch_without_what_it_needs_is_refused(tiny_bert):
    method, rows = ptab(tiny_bert), batch()
    with pytest.raises(ValueError, match="without tokens"):
        method(replace(rows, tokens=None))
    with pytest.raises(ValueError, match="masked words"):
        method.pretraining_loss(replace(rows, masked=None))
    assert not PTabConfig().teaches(ids_alone=True)
