from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from clickprompt.batches import token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dnn import DNNConfig
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import CTRL, CTRLConfig
from clickprompt.methods.contrast import contrast


def log_softmax(scores: np.ndarray) -> np.ndarray:
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def reference(a: np.ndarray, b: np.ndarray, temperature: float, parts: int) -> float:
    """The formula, pair by pair."""

    def unit(vector: np.ndarray) -> list[np.ndarray]:
        return [part / np.sqrt((part**2).sum()) for part in np.split(vector, parts)]

    def similarity(one: np.ndarray, other: np.ndarray) -> float:
        return sum(max(x @ y for y in unit(other)) for x in unit(one))

    forth = log_softmax(np.array([[similarity(x, y) for y in b] for x in a]) / temperature)
    back = log_softmax(np.array([[similarity(y, x) for x in a] for y in b]) / temperature)
    return -(np.trace(forth) + np.trace(back)) / 2


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_contrast_is_the_formula(parts):
    generator = np.random.default_rng(parts)
    a, b = generator.normal(size=(5, 8)), generator.normal(size=(5, 8))
    loss = contrast(torch.from_numpy(a), torch.from_numpy(b), 0.3, parts).item()
    np.testing.assert_allclose(loss, reference(a, b, 0.3, parts), rtol=1e-12)
    shuffled = generator.permutation(5)
    again = contrast(torch.from_numpy(a[shuffled]), torch.from_numpy(b[shuffled]), 0.3, parts).item()
    np.testing.assert_allclose(again, loss, rtol=1e-12)


def test_one_row_has_nobody_to_be_told_from():
    assert contrast(torch.randn(1, 4), torch.randn(1, 4), 0.7).item() == pytest.approx(0, abs=1e-7)


def ctrl(folder: Path, pooling: str = "mean", tuning: str = "full", **settings) -> CTRL:
    torch.manual_seed(0)
    ctr = build_ctr_model(DNNConfig(embedding_dim=4, hidden_sizes=(6,), embedding_std=0.5), 3, 20)
    config = LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0, tuning={"kind": tuning})
    encoder = load_language_model(config).encoder
    return CTRL(CTRLConfig(projection_dim=8, **settings), ctr, encoder, pooling, config.tuning).double()


def batch() -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    lengths = np.array([6, 6, 8, 9])
    words = torch.randint(5, 60, (29,), generator=generator)
    return ClickBatch(
        rows=torch.arange(4),
        feature_ids=torch.randint(0, 17, (4, 3), generator=generator),
        labels=torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64),
        tokens=token_batch(words.numpy(), lengths),
    )


@pytest.mark.parametrize(("pooling", "parts"), [("mean", 1), ("cls", 4)])
def test_pretraining_contrasts_the_sentences_with_the_ids(tiny_bert, pooling, parts):
    method, rows = ctrl(tiny_bert, pooling, sub_spaces=parts, temperature=0.5), batch()
    with torch.no_grad():
        states = method.language(rows.tokens).last.split([6, 6, 8, 9])
        pooled = torch.stack([s[0] if pooling == "cls" else s.mean(0) for s in states])
        words = method.of_words(pooled).numpy()
        ids = method.of_ids(method.ctr.representation(rows.feature_ids)).numpy()
        expected = reference(words, ids, 0.5, parts)
        np.testing.assert_allclose(method.pretraining_loss(rows).item(), expected, rtol=1e-10)
        assert method.pretraining_amount(rows) == 4
        other = replace(rows, labels=1 - rows.labels)
        assert method.pretraining_loss(other).item() == method.pretraining_loss(rows).item()


@pytest.mark.parametrize("tuning", ["full", "frozen"])
def test_alignment_teaches_both_sides_unless_the_language_model_is_frozen(tiny_bert, tuning):
    method = ctrl(tiny_bert, tuning=tuning)
    for parameter in method.parts()["frozen"]:
        parameter.requires_grad_(False)
    method.pretraining_loss(batch()).backward()
    taught = {name for name, p in method.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {"ctr.embedding.weight", "of_ids.weight", "of_words.weight"} <= taught
    assert any(name.startswith("language.") for name in taught) == (tuning == "full")
    assert not any(name.startswith("ctr.output") for name in taught)


def test_scores_are_the_id_models(tiny_bert):
    method, rows = ctrl(tiny_bert), batch()
    assert torch.equal(method(replace(rows, tokens=None)).logits, method.ctr(rows.feature_ids))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"sub_spaces": 3}, "128 cannot be cut into 3 sub_spaces"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
    ],
)
def test_settings_that_cannot_be(settings, match):
    with pytest.raises(ValidationError, match=match):
        CTRLConfig(**settings)
