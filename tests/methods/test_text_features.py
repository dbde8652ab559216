from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from clickprompt.contracts import ClickBatch, ListIds
from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.ctr.deep_fm import DeepFMConfig
from clickprompt.ctr.dnn import DNNConfig
from clickprompt.ctr.fgcnn import FGCNNConfig
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import IDOnly, TextFeatures

FIELDS, EMBEDDINGS, WIDTH = 3, 20, 32
CONFIGS = [
    DNNConfig(embedding_dim=4, hidden_sizes=(6,), embedding_std=0.5),
    DeepFMConfig(embedding_dim=4, hidden_sizes=(6,), embedding_std=0.5),
    FGCNNConfig(embedding_dim=4, channels=(2,), kernel_height=3, hidden_sizes=(6,), embedding_std=0.5),
]


@pytest.fixture(scope="module")
def encoder(tiny_bert):
    return load_language_model(LanguageModelConfig(name=str(tiny_bert), max_length=64)).encoder


def id_model(config, pooling=()) -> CTRModel:
    torch.manual_seed(0)
    return build_ctr_model(config, FIELDS, EMBEDDINGS, pooling).double()


def text_features(encoder, config=CONFIGS[0], pooling=()) -> TextFeatures:
    method = TextFeatures(id_model(config, pooling), encoder, "mean")
    return method.double()


def moved(method: TextFeatures) -> TextFeatures:
    """With a projection as training might leave it."""
    torch.manual_seed(5)
    torch.nn.init.normal_(method.projection.weight, std=0.3)
    return method


def batch(rows: int = 6) -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    return ClickBatch(
        rows=torch.arange(rows),
        feature_ids=torch.randint(0, EMBEDDINGS, (rows, FIELDS), generator=generator),
        labels=torch.randint(0, 2, (rows,), generator=generator).double(),
        value_vectors=torch.randn(rows, FIELDS, WIDTH, generator=generator).double(),
    )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_it_starts_as_the_plain_id_model(encoder, config):
    rows = batch()
    assert torch.equal(text_features(encoder, config)(rows).logits, IDOnly(id_model(config))(rows).logits)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_projected_vectors_are_added_to_the_embeddings_alone(encoder, config):
    method, rows = moved(text_features(encoder, config)), batch()
    weights = {name: p.detach().numpy() for name, p in method.named_parameters() if not name.startswith("language.")}
    x = weights["ctr.embedding.weight"][rows.feature_ids.numpy()]
    added = np.einsum("bfd,ed->bfe", rows.value_vectors.numpy(), weights["projection.weight"])
    x[..., : config.embedding_dim] += added
    with torch.no_grad():
        expected = method.ctr.head(method.ctr.interact(torch.from_numpy(x)))
        torch.testing.assert_close(method(rows).logits, expected, rtol=1e-10, atol=1e-12)
    if config.kind == "dnn":
        h = np.maximum(x.reshape(6, -1) @ weights["ctr.deep.0.weight"].T + weights["ctr.deep.0.bias"], 0)
        logits = h @ weights["ctr.output.weight"][0] + weights["ctr.output.bias"]
        np.testing.assert_allclose(expected.numpy(), logits, rtol=1e-10)


def test_lists_bring_the_vector_of_their_text(encoder):
    method, rows = moved(text_features(encoder, pooling=(None, None, "mean"))), batch(2)
    lists = (ListIds(2, torch.tensor([4, 6, 5]), torch.tensor([0, 2, 3])),)
    rows = replace(rows, lists=lists)
    with torch.no_grad():
        x = method.ctr.embed(rows.feature_ids, lists) + rows.value_vectors @ method.projection.weight.T
        torch.testing.assert_close(method(rows).logits, method.ctr.head(method.ctr.interact(x)), rtol=1e-12, atol=0)


def test_unseen_values_of_other_words_score_differently(encoder):
    method, rows = moved(text_features(encoder)), batch(2)
    oov = torch.arange(EMBEDDINGS - FIELDS, EMBEDDINGS).expand(2, -1)
    first, second = method(replace(rows, feature_ids=oov)).logits
    assert abs(first - second) > 1e-3


def test_the_batch_changes_no_score(encoder):
    method, rows = moved(text_features(encoder)), batch()
    scores = method(rows).logits
    for row in range(6):
        one = replace(
            rows, feature_ids=rows.feature_ids[row : row + 1], value_vectors=rows.value_vectors[row : row + 1]
        )
        torch.testing.assert_close(method(one).logits[0], scores[row], rtol=1e-12, atol=1e-12)


def test_the_encoder_is_frozen_and_all_else_learns(encoder):
    method, rows = text_features(encoder), batch()
    parts = method.parts()
    assert parts["language"] == []
    assert {id(p) for p in parts["frozen"]} == {id(p) for p in encoder.parameters()}
    method.click_loss(rows).backward()
    assert method.projection.weight.grad.abs().sum() > 0
    assert method.ctr.embedding.weight.grad.abs().sum() > 0


def test_saved_weights_give_the_same_scores(encoder, tmp_path: Path):
    method, rows = moved(text_features(encoder)), batch()
    save_file(method.state_dict(), tmp_path / "weights.safetensors")
    other = text_features(encoder)
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(other(rows).logits, method(rows).logits)


def test_a_batch_without_vectors_is_refused(encoder):
    with pytest.raises(ValueError, match="made without them"):
        text_features(encoder)(replace(batch(), value_vectors=None))
