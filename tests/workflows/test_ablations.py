"""ClickPrompt's ablations by configuration, each from raw rows to scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from clickprompt.bundle import Predictor
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows.build import new_method

FIRST = {"kind": "clickprompt", "prompt": {"length": 2, "layers": "first", "space": "hidden"}}
WITHOUT_PROMPT = {"kind": "clickprompt", "prompt": None}
ABLATIONS: dict[str, dict[str, Any]] = {
    "first-layer prompts": {"method": FIRST},
    "without prompt": {"method": WITHOUT_PROMPT},
    "without pretraining": {"pretrain": None},
    "without both": {"method": WITHOUT_PROMPT, "pretrain": None},
}


@pytest.fixture(scope="module")
def recipe(tiny_clicks, tiny_bert):
    return {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": "clickprompt", "prompt": {"length": 2}},
        "pretrain": {"max_steps": 2, "batch_size": 32, "weight_decay": 0.1, "embedding_optimizer": "sparse"},
        "finetune": {"max_steps": 2, "batch_size": 32},
        "finetune_with_language_model": {"max_steps": 2, "batch_size": 32, "evaluations_per_epoch": 1},
        "seed": 1,
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return tmp_path_factory.mktemp("ablations") / "prepared"


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_is_a_whole_run(name, recipe, prepared, tiny_clicks, tmp_path):
    folder = RunFolder(tmp_path, prepared)
    without_lm = ("clickprompt-without-lm",) if name == "first-layer prompts" else ()
    known = parse_recipe({**recipe, **ABLATIONS[name]}).trained_models
    assert known == ("id-only", *without_lm, "clickprompt-with-lm")
    parsed = parse_recipe({**recipe, **ABLATIONS[name], "models": "clickprompt-with-lm"})
    (record,) = run(parsed, folder, SilentProgress())
    assert record["model"] == "clickprompt-with-lm"
    assert (record["pretrain_seconds"] > 0) == (parsed.pretrain is not None) == folder.step("pretrained").exists()
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    logits = np.load(folder.step("evaluate-clickprompt-with-lm") / "logits.npy")
    served = Predictor.load(folder.bundle("clickprompt-with-lm")).predict(frame)
    np.testing.assert_allclose(served, 1 / (1 + np.exp(-logits)), rtol=2e-5)
    if name == "without prompt":
        drawn = new_method(parsed.method, parsed, prepare(parsed, prepared, SilentProgress())).state_dict()
        weights = load_file(folder.step("pretrained") / "weights.safetensors")
        changed = {part.split(".")[0] for part in weights if not torch.equal(weights[part], drawn[part])}
        assert changed == {"language"}


@pytest.mark.parametrize("name", ["without prompt", "without pretraining", "without both"])
def test_an_id_model_that_nothing_pretrained_is_refused(name, recipe):
    with pytest.raises(ClickPromptError, match="clickprompt-without-lm would be the plain ID model"):
        parse_recipe({**recipe, **ABLATIONS[name], "models": ["clickprompt-without-lm"]})


@pytest.mark.parametrize("method", [WITHOUT_PROMPT, {"kind": "ptab"}])
def test_a_frozen_language_model_that_alone_would_be_pretrained_is_refused(method, recipe):
    frozen = {**recipe, "method": method, "language_model": {**recipe["language_model"], "tuning": {"kind": "frozen"}}}
    with pytest.raises(ClickPromptError, match=r"pretrain would teach nothing.*set pretrain: null"):
        parse_recipe(frozen)
    parse_recipe({**frozen, "pretrain": None})
    parse_recipe({**frozen, "models": "id-only"})
    parse_recipe({**frozen, "method": recipe["method"]})
