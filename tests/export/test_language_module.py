"""Modules for export against `Predictor`, in PyTorch alone: every method that reads sentences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from language_bundles import write_language_bundle

from clickprompt.bundle import Predictor, load_bundle, token_batches
from clickprompt.calibration import IsotonicCalibrator, PlattCalibrator
from clickprompt.export.language_module import language_module
from clickprompt.export.sample_rows import sample_rows
from clickprompt.methods import (
    ClickPromptConfig,
    CTRBertConfig,
    FLIPConfig,
    P5Config,
    PromptConfig,
    PTabConfig,
    TextFeaturesConfig,
)
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import write_tiny_text_to_text_model
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists

PLATT = PlattCalibrator(slope=1.3, intercept=-0.2)
ISOTONIC = IsotonicCalibrator(thresholds=(-1.0, 0.0, 1.5), values=(0.1, 0.4, 0.9))
CASES = {
    "clickprompt": (ClickPromptConfig(), "mean", PLATT),
    "first layer": (
        ClickPromptConfig(prompt=PromptConfig(space="hidden", layers="first", projection="independent")),
        "mean_first_last",
        None,
    ),
    "no prompts": (ClickPromptConfig(prompt=None, alpha=0.2), "cls", ISOTONIC),
    "flip": (FLIPConfig(), "cls", None),
    "ptab": (PTabConfig(), "mean", PLATT),
    "ctr-bert": (CTRBertConfig(hidden_sizes=(8,)), "mean", None),
}


@torch.inference_mode()
def by_module(bundle, rows) -> np.ndarray:
    module = language_module(bundle)
    found = np.full(len(rows["user"]), np.nan, np.float32)
    for some, inputs in token_batches(bundle, rows, at_once=16):
        assert list(inputs) == list(module.inputs)
        found[some] = module(*(torch.from_numpy(array) for array in inputs.values())).numpy()
    return found


@pytest.mark.parametrize("case", CASES)
def test_scores_are_those_of_predictor(case, tmp_path, tiny_bert):
    method, pooling, calibrator = CASES[case]
    folder = write_language_bundle(tmp_path / "model", tiny_bert, method, calibrator=calibrator, pooling=pooling)
    bundle = load_bundle(folder)
    rows = sample_rows(bundle.vocabulary, 60)
    expected = Predictor(bundle).predict(rows)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(by_module(bundle, rows), expected, rtol=0, atol=1e-6)


def test_lists_are_read_beside_words(tmp_path, tiny_bert):
    write_tiny_lists(tmp_path)
    data = tiny_lists_config(tmp_path, pooling="attention", max_items=3)
    bundle = load_bundle(write_language_bundle(tmp_path / "lists", tiny_bert, ClickPromptConfig(), data))
    rows = sample_rows(bundle.vocabulary, 60)
    np.testing.assert_allclose(by_module(bundle, rows), Predictor(bundle).predict(rows), rtol=0, atol=1e-6)


def test_what_has_no_such_form_is_refused(tmp_path, tiny_bert):
    features = load_bundle(write_language_bundle(tmp_path / "features", tiny_bert, TextFeaturesConfig()))
    advice = "has no exported form; `clickprompt predict` scores files with it, `clickprompt serve` requests"
    with pytest.raises(ClickPromptError, match=f"features: text-features {advice}"):
        language_module(features)
    t5 = write_tiny_text_to_text_model(tmp_path / "t5")
    p5 = load_bundle(write_language_bundle(tmp_path / "p5", t5, P5Config(), layers=1))
    with pytest.raises(ClickPromptError, match=f"p5: p5 {advice}"):
        language_module(p5)
