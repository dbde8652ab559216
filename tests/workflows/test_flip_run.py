from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.methods import FLIP, IDOnly, PTab
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, pretrain, run

MODELS = ["flip-id", "flip-lm", "flip"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_clicks, tiny_bert):
    recipe = {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 48},
        "method": {"kind": "flip"},
        "pretrain": {"max_steps": 12, "batch_size": 32, "ctr_learning_rate": 1e-2, "schedule": "constant"},
        "finetune": {"max_steps": 2},
        "finetune_with_language_model": {"max_steps": 2, "batch_size": 32, "evaluations_per_epoch": 1},
        "seed": 1,
    }
    folder = RunFolder(tmp_path_factory.mktemp("flip"))
    return recipe, folder, run(parse_recipe(recipe), folder, SilentProgress())


def test_pretraining_learns(finished):
    _, folder, _ = finished
    losses = [record["train_loss"] for record in json.loads((folder.step("pretrained") / "history.json").read_text())]
    assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.2


def test_a_run_trains_three_models_that_start_where_pretraining_ended(finished):
    _, folder, records = finished
    assert [record["model"] for record in records] == ["id-only", *MODELS]
    pretrained = load_file(folder.step("pretrained") / "weights.safetensors")
    assert {name.split(".")[0] for name in pretrained} == {"ctr", "language"}
    weights = {model: load_file(folder.bundle(model) / "weights.safetensors") for model in ("id-only", *MODELS)}
    table, words = "ctr.embedding.weight", "language.model.embeddings.word_embeddings.weight"
    far = torch.dist(weights["id-only"][table], pretrained[table])
    for model in ("flip-id", "flip"):
        assert torch.dist(weights[model][table], pretrained[table]) < far / 2
    for model in ("flip-lm", "flip"):
        assert torch.dist(weights[model][words], pretrained[words]) < 0.02
    assert table not in weights["flip-lm"]
    assert words not in weights["flip-id"]
    for model, kind in zip(MODELS, (IDOnly, PTab, FLIP), strict=True):
        method = load_bundle(folder.bundle(model)).method
        assert type(method) is kind
        assert set(method.state_dict()) == set(weights[model])
        assert not [name for name in weights[model] if name.startswith(("masked_", "instance_"))]


@pytest.mark.parametrize("model", MODELS)
def test_bundles_score_raw_rows_as_the_run_did(finished, tiny_clicks, model):
    _, folder, _ = finished
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    logits = np.load(folder.step(f"evaluate-{model}") / "logits.npy")
    np.testing.assert_allclose(Predictor.load(folder.bundle(model)).predict(frame), 1 / (1 + np.exp(-logits)), 2e-5)


def test_a_batch_cannot_be_contrasted_in_pieces(finished):
    recipe, _, _ = finished
    small = {**recipe, "pretrain": {**recipe["pretrain"], "micro_batch_size": 16}}
    with pytest.raises(ClickPromptError, match="micro_batch_size is 16, but flip compares all 32 rows"):
        parse_recipe(small)
    parse_recipe({**small, "models": ["id-only"]})


def test_the_same_seed_gives_the_same_pretraining(finished, tmp_path):
    recipe, folder, _ = finished
    short = parse_recipe({**recipe, "pretrain": {**recipe["pretrain"], "max_steps": 2}})
    data = prepare(short, folder.prepared, SilentProgress())
    weights = []
    for place in ("first", "second"):
        again = RunFolder(tmp_path / place)
        pretrain(short, again, data, SilentProgress())
        weights.append(load_file(again.step("pretrained") / "weights.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_settings_are_refused_by_name(finished):
    recipe, _, _ = finished
    with pytest.raises(ClickPromptError, match="mlm, mtm and icl are all off"):
        parse_recipe({**recipe, "method": {"kind": "flip", "mlm": False, "mtm": False, "icl": False}})
    with pytest.raises(ClickPromptError, match=r"did you mean shared_mask\?"):
        parse_recipe({**recipe, "method": {"kind": "flip", "shared_masks": True}})
    with pytest.raises(ClickPromptError, match="flip-id would be the plain ID model"):
        parse_recipe({**recipe, "pretrain": None, "models": ["flip-id"]})
    untaught = parse_recipe({**recipe, "pretrain": None})
    assert untaught.trained_models == ("id-only", "flip-lm", "flip")
