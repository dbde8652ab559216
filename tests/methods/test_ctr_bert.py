from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from clickprompt.batches import token_batch
from clickprompt.contracts import ClickBatch, SideSentences
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import CTRBert, CTRBertConfig


@pytest.fixture(scope="module")
def make(tiny_bert):
    def ctr_bert(**settings) -> CTRBert:
        config = CTRBertConfig(hidden_sizes=(7, 5), **settings)
        language = LanguageModelConfig(name=str(tiny_bert), max_length=64, dropout=0.0)
        encoders = [load_language_model(language).encoder for _ in range(1 if config.shared_encoder else 2)]
        torch.manual_seed(0)
        method = CTRBert(config, encoders)
        if len(encoders) == 2:
            with torch.no_grad():
                for parameter in encoders[1].parameters():
                    parameter.mul_(0.9)
        return method.double()

    return ctr_bert


def side(lengths: list[int], of_row: list[int], seed: int) -> SideSentences:
    words = np.random.default_rng(seed).integers(5, 60, sum(lengths))
    return SideSentences(token_batch(words, np.array(lengths)), torch.tensor(of_row))


def batch() -> ClickBatch:
    sides = (side([4, 6, 6], [0, 2, 1, 2, 0], 1), side([5, 9], [1, 0, 1, 1, 0], 2))
    labels = torch.tensor([1, 0, 0, 1, 1]).double()
    return ClickBatch(torch.arange(5), torch.zeros(5, 1, dtype=torch.long), labels, sides=sides)


def alone(of: SideSentences, row: int) -> torch.Tensor:
    """The tokens of one row's sentence."""
    return torch.tensor_split(of.tokens.ids, of.tokens.starts[1:])[int(of.of_row[row])]


@pytest.mark.parametrize("shared", [False, True])
def test_logit_is_the_perceptron_over_both_first_states(make, shared):
    method, rows = make(shared_encoder=shared).eval(), batch()
    weights = {name: p.detach().numpy() for name, p in method.join_head.named_parameters()}
    with torch.no_grad():
        logits = method(rows).logits.numpy()
        for row in range(5):
            encoders = method.encoders()
            encoders = (encoders[0], encoders[-1])
            assert (encoders[0] is encoders[1]) == shared
            first = []
            for encoder, of in zip(encoders, rows.sides, strict=True):
                words = alone(of, row).numpy()
                first.append(encoder(token_batch(words, np.array([len(words)]))).last[0].numpy())
            x = np.concatenate(first)
            for layer in ("0.0", "0.2"):
                x = np.maximum(weights[f"{layer}.weight"] @ x + weights[f"{layer}.bias"], 0)
            np.testing.assert_allclose(logits[row], weights["1.weight"][0] @ x + weights["1.bias"][0], rtol=1e-10)


def test_the_loss_is_the_cross_entropy_of_the_clicks(make):
    method, rows = make().eval(), replace(batch(), weights=torch.tensor([1.0, 2, 1, 3, 1]).double())
    p = 1 / (1 + np.exp(-method(rows).logits.detach().numpy()))
    y, w = rows.labels.numpy(), rows.weights.numpy()
    expected = -(w * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum()
    assert method.click_loss(rows).item() == pytest.approx(expected, rel=1e-12)
    assert method.click_amount(rows) == 8


def test_repeated_sentences_teach_as_if_each_row_had_its_own(make):
    method, rows = make(), batch()
    each = tuple(
        SideSentences(
            token_batch(
                torch.cat([alone(of, row) for row in range(5)]).numpy(),
                np.array([len(alone(of, row)) for row in range(5)]),
            ),
            torch.arange(5),
        )
        for of in rows.sides
    )
    gradients = []
    for some in (rows, replace(rows, sides=each)):
        method.zero_grad()
        method.click_loss(some).backward()
        gradients.append({name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-9, atol=1e-12)
    for tower in (0, 1):
        assert gradients[0][f"towers.{tower}.model.encoder.layer.0.output.dense.weight"].abs().sum() > 0


def test_all_encoder_weights_are_the_language_part(make):
    method = make()
    language = {id(p) for p in method.parts()["language"]}
    assert language == {id(p) for encoder in method.encoders() for p in encoder.parameters()}
    assert {id(p) for p in method.parts()["ctr"]} == {id(p) for p in method.join_head.parameters()}
    shared = make(shared_encoder=True)
    assert 2 * len(shared.parts()["language"]) == len(method.parts()["language"])


def test_a_batch_without_sides_is_refused(make):
    with pytest.raises(ValueError, match="made without sides"):
        make()(replace(batch(), sides=()))
