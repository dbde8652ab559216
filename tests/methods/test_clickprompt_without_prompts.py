from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dnn import DNNConfig
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import ClickPrompt, ClickPromptConfig
from clickprompt.training import TrainingConfig, build_optimizer


def without_prompts(folder: Path) -> ClickPrompt:
    torch.manual_seed(0)
    ctr = build_ctr_model(DNNConfig(embedding_dim=4, hidden_sizes=(6,), embedding_std=0.5), 3, 20)
    loaded = load_language_model(LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0))
    method = ClickPrompt(ClickPromptConfig(prompt=None, alpha=0.3), ctr, loaded.encoder, "mean")
    method.masked_token_head = loaded.masked_token_head
    return method.double()


def batch() -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    words = torch.randint(5, 60, (21,), generator=generator)
    lengths, positions = np.array([6, 6, 9]), np.array([2, 8, 14, 15])
    return ClickBatch(
        rows=torch.arange(3),
        feature_ids=torch.randint(0, 17, (3, 3), generator=generator),
        labels=torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64),
        tokens=token_batch(words.numpy(), lengths),
        masked=masked_tokens(positions, words[positions - 1].numpy(), lengths),
    )


def states_of(method: ClickPrompt, rows: ClickBatch) -> list[np.ndarray]:
    """Last states of each sentence, each read alone and without prompts."""
    words = torch.tensor_split(rows.tokens.ids, rows.tokens.starts[1:].tolist())
    with torch.no_grad():
        return [method.language(token_batch(w.numpy(), np.array([len(w)]))).last.numpy() for w in words]


def test_both_logits_are_blended_and_the_sentence_is_read_alone(tiny_bert):
    method, rows = without_prompts(tiny_bert), batch()
    w1, b1, w2, b2 = (parameter.detach().numpy() for parameter in method.language_head.parameters())
    words = np.array([(w2 @ np.tanh(w1 @ states.mean(0) + b1) + b2)[0] for states in states_of(method, rows)])
    with torch.no_grad():
        ids = method.ctr(rows.feature_ids).numpy()
        np.testing.assert_allclose(method(rows).logits.numpy(), float(method.alpha) * (ids - words) + words, 1e-10)
    assert not [name for name in method.state_dict() if name.startswith("prompts")]


def test_pretraining_is_plain_masked_language_modelling_and_runs_no_id_model(tiny_bert, monkeypatch):
    method, rows = without_prompts(tiny_bert), batch()
    states = np.concatenate(states_of(method, rows))[rows.masked.positions.numpy()]
    with torch.no_grad():
        logits = method.masked_token_head(torch.from_numpy(states)).numpy()
    expected = (np.log(np.exp(logits).sum(1)) - logits[np.arange(4), rows.masked.targets.numpy()]).sum()

    def never(*_):
        raise AssertionError("the ID model was run")

    monkeypatch.setattr(method.ctr, "embed", never)
    monkeypatch.setattr(method.ctr, "interact", never)
    other = replace(rows, feature_ids=rows.feature_ids + 1, labels=1 - rows.labels)
    np.testing.assert_allclose(method.pretraining_loss(other).item(), expected, rtol=1e-10)


@pytest.mark.parametrize("embedding_optimizer", ["dense", "sparse", "rowwise-adagrad"])
@pytest.mark.parametrize("embedding_learning_rate", [None, 0.1])
def test_pretraining_leaves_the_id_model_as_it_was(tiny_bert, embedding_optimizer, embedding_learning_rate):
    method, rows = without_prompts(tiny_bert), batch()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    config = TrainingConfig(
        embedding_optimizer=embedding_optimizer, embedding_learning_rate=embedding_learning_rate, weight_decay=0.1
    )
    with build_optimizer(
        method.parts(), {"ctr": 0.1, "language": 1e-3}, config, method.embedding_tables()
    ) as optimizer:
        for _ in range(3):
            method.pretraining_loss(rows).backward()
            optimizer.step()
    moved = {
        name.split(".")[0] for name, tensor in method.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert moved == {"language", "masked_token_head"}


def test_clicks_train_both_models(tiny_bert):
    method, rows = without_prompts(tiny_bert), batch()
    method.masked_token_head = None
    assert not method.parts()["frozen"]
    method.click_loss(rows).backward()
    taught = {name.split(".")[0] for name, p in method.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught == {"ctr", "language", "language_head", "alpha"}


def test_its_pretraining_teaches_no_id_model():
    assert ClickPromptConfig().teaches(ids_alone=True)
    assert not ClickPromptConfig(prompt=None).teaches(ids_alone=True)
    assert ClickPromptConfig(prompt=None).teaches(ids_alone=False)
