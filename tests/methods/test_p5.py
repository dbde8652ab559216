from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from clickprompt.batches import token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.language import FullTuning, LanguageModelConfig, load_text_to_text
from clickprompt.methods import P5
from clickprompt.testing.language_models import write_tiny_text_to_text_model
from clickprompt.training import TrainingConfig, build_optimizer


@pytest.fixture(scope="module")
def tiny_t5(tmp_path_factory):
    return write_tiny_text_to_text_model(tmp_path_factory.mktemp("t5"))


@pytest.fixture
def method(tiny_t5):
    return P5(load_text_to_text(LanguageModelConfig(name=str(tiny_t5), dropout=0.0)))


def batch() -> ClickBatch:
    lengths = np.array([5, 9, 9, 14])
    words = torch.randint(3, 300, (37,), generator=torch.Generator().manual_seed(1))
    return ClickBatch(
        rows=torch.arange(4),
        feature_ids=torch.zeros(4, 3, dtype=torch.long),
        labels=torch.tensor([0.0, 1.0, 1.0, 0.0]),
        weights=torch.tensor([1.0, 2.0, 1.0, 2.0]),
        tokens=token_batch(words.numpy(), lengths),
    )


def test_the_probability_is_the_softmax_over_both_answers(method):
    rows = batch()
    with torch.no_grad():
        yes, no = np.exp(method.language(rows.tokens).double().numpy()).T
        probability = torch.sigmoid(method(rows).logits).numpy()
    np.testing.assert_allclose(probability, yes / (yes + no), rtol=1e-6)


def test_the_loss_is_the_cross_entropy_of_the_answer(method):
    rows = batch()
    with torch.no_grad():
        scores = method.language(rows.tokens).double().numpy()
        loss = float(method.click_loss(rows))
    surprise = np.log(np.exp(scores).sum(1)) - np.where(rows.labels == 1, scores[:, 0], scores[:, 1])
    assert loss == pytest.approx((surprise * rows.weights.numpy()).sum(), rel=1e-6)


def test_the_batch_changes_no_score(method):
    rows = batch()
    with torch.no_grad():
        scores = method(rows).logits
        words = torch.tensor_split(rows.tokens.ids, rows.tokens.starts[1:].tolist())
        for order in ([3, 0, 2, 1], [2], [0, 3]):
            some = np.concatenate([words[row].numpy() for row in order])
            tokens = token_batch(some, np.array([len(words[row]) for row in order]))
            torch.testing.assert_close(method(replace(rows, tokens=tokens)).logits, scores[order], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="made without tokens"):
        method(replace(rows, tokens=None))


def test_all_of_it_is_the_language_model_and_word_embeddings_may_rest(tiny_t5, method):
    parts = method.parts()
    assert (parts["ctr"], parts["frozen"], method.encoders(), method.ctr) == ([], [], (), None)
    assert len(parts["language"]) == len(list(method.parameters()))
    resting = P5(method.language, FullTuning(word_embeddings=False)).parts()
    assert [tuple(parameter.shape) for parameter in resting["frozen"]] == [(method.language.words.num_embeddings, 32)]
    assert len(resting["language"]) == len(parts["language"]) - 1


def test_it_learns_the_labels_of_a_batch(method):
    rows = batch()
    config = TrainingConfig(weight_decay=0.0)
    with build_optimizer(method.parts(), {"language": 3e-3}, config) as optimizer:
        before = method.click_loss(rows).item()
        for _ in range(60):
            method.click_loss(rows).backward()
            optimizer.step()
        assert method.click_loss(rows).item() < before / 4
