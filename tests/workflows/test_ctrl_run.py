from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from clickprompt.bundle import Predictor
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows.pretrain import pretraining_inputs


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_clicks, tiny_bert):
    recipe = {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": "ctrl", "projection_dim": 8, "sub_spaces": 2},
        "pretrain": {"epochs": 3, "batch_size": 128, "ctr_learning_rate": 1e-2, "schedule": "constant"},
        "finetune": {"max_steps": 2},
        "seed": 1,
    }
    folder = RunFolder(tmp_path_factory.mktemp("ctrl"))
    return recipe, folder, run(parse_recipe(recipe), folder, SilentProgress())


def test_alignment_is_learned(finished):
    _, folder, _ = finished
    losses = [record["train_loss"] for record in json.loads((folder.step("pretrained") / "history.json").read_text())]
    assert losses[-1] < losses[0]


def test_a_run_serves_the_id_model_that_was_aligned(finished, tiny_clicks):
    _, folder, records = finished
    assert [record["model"] for record in records] == ["id-only", "ctrl"]
    manifest = json.loads((folder.bundle("ctrl") / "bundle.json").read_text())
    assert manifest["method"] == {"kind": "id-only"}
    assert manifest["language_model"] is None
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    logits = np.load(folder.step("evaluate-ctrl") / "logits.npy")
    np.testing.assert_allclose(Predictor.load(folder.bundle("ctrl")).predict(frame), 1 / (1 + np.exp(-logits)), 2e-5)
    pretrained = load_file(folder.step("pretrained") / "weights.safetensors")
    assert {name.split(".")[0] for name in pretrained} == {"ctr", "language"}
    served, plain = (load_file(folder.bundle(m) / "weights.safetensors") for m in ("ctrl", "id-only"))
    table = "ctr.embedding.weight"
    distance = [torch.dist(other[table], pretrained[table]).item() for other in (served, plain)]
    assert distance[0] < distance[1] / 2


def test_pooling_decides_what_alignment_learns_but_not_what_masked_words_teach(finished):
    recipe, folder, _ = finished
    data = prepare(parse_recipe(recipe), folder.prepared, SilentProgress())

    def inputs(kind, pooling):
        changed = {"method": {"kind": kind}, "language_model": {**recipe["language_model"], "pooling": pooling}}
        return pretraining_inputs(parse_recipe({**recipe, **changed}), data)

    assert inputs("ctrl", "cls") != inputs("ctrl", "mean")
    assert inputs("clickprompt", "cls") == inputs("clickprompt", "mean")


def test_a_batch_cannot_be_contrasted_in_pieces(finished):
    recipe, _, _ = finished
    small = {**recipe, "pretrain": {**recipe["pretrain"], "micro_batch_size": 16}}
    with pytest.raises(ClickPromptError, match="micro_batch_size is 16, but ctrl compares all 128 rows"):
        parse_recipe(small)
    parse_recipe({**small, "models": ["id-only"]})
