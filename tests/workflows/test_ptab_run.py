from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.settings import ClickPromptError
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run, show


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_clicks, tiny_bert):
    from clickprompt.testing.tables import tiny_data_config

    recipe = {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": "ptab"},
        "pretrain": {"max_steps": 2, "batch_size": 32},
        "finetune": {"max_steps": 2},
        "finetune_with_language_model": {"max_steps": 2, "batch_size": 32, "compile_interaction": True},
        "seed": 1,
    }
    folder = RunFolder(tmp_path_factory.mktemp("ptab"))
    return recipe, folder, run(parse_recipe(recipe), folder, SilentProgress())


def test_a_run_trains_the_plain_model_and_ptab(finished):
    _, folder, records = finished
    assert [record["model"] for record in records] == ["id-only", "ptab"]
    assert records[1]["pretrain_seconds"] > 0
    assert records[1]["pretrain_rows"] == "train"
    assert "ptab" in (folder.path / "report.html").read_text()


def test_the_bundle_has_no_id_model_and_scores_raw_rows_as_the_run_did(finished, tiny_clicks):
    _, folder, _ = finished
    bundle = folder.bundle("ptab")
    assert json.loads((bundle / "bundle.json").read_text())["ctr_model"] is None
    assert "ID model        none\n" in show(bundle)
    assert not [name for name in load_bundle(bundle).method.state_dict() if name.startswith("ctr.")]
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    logits = np.load(folder.step("evaluate-ptab") / "logits.npy")
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(Predictor.load(bundle).predict(frame), expected, rtol=2e-5)
    np.testing.assert_allclose(Predictor.load(bundle, precision="int8").predict(frame), expected, atol=0.02)


def test_clicks_start_from_the_pretrained_language_model(finished, tmp_path):
    recipe, folder, _ = finished
    still = {**recipe, "models": "ptab", "language_model": {**recipe["language_model"], "tuning": "frozen"}}
    still["pretrain"] = None
    with pytest.raises(ClickPromptError, match="trains no"):
        parse_recipe({**recipe, "models": "ptap"})
    (record,) = run(parse_recipe(still), RunFolder(tmp_path, folder.prepared), SilentProgress())
    assert record["pretrain_seconds"] == 0
    found = load_bundle(RunFolder(tmp_path).bundle("ptab")).method.language.state_dict()
    tuned = load_bundle(folder.bundle("ptab")).method.language.state_dict()
    assert sum(not torch.equal(found[name], tuned[name]) for name in found) > 10
