"""The module that exporters trace gives Predictor's probabilities, for every ID model and every calibrator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from clickprompt.bundle import Bundle, Predictor, load_bundle
from clickprompt.calibration import IsotonicCalibrator, PlattCalibrator
from clickprompt.contracts import ListIds
from clickprompt.ctr import CTR_MODELS, build_ctr_model
from clickprompt.ctr.list_pooling import ListPooling
from clickprompt.export.calibrators import curve_of
from clickprompt.export.feeds import ids_feed
from clickprompt.export.padded_lists import PaddedPooling
from clickprompt.export.sample_rows import sample_rows
from clickprompt.export.scoring_module import scoring_module
from clickprompt.methods import IDOnly

STEEP = IsotonicCalibrator(thresholds=(-2.0, -0.5, 0.25, 0.5, 3.0), values=(0.01, 0.2, 0.2, 0.7, 0.9))
CASES = [(kind, {}) for kind in CTR_MODELS]
CASES += [("fm", {"first_order": True}), ("x-deep-fm", {"first_order": True, "split_half": True, "cin_layers": (4, 4)})]


def bundle_of(folder, kind: str, settings, calibrator=None) -> Bundle:
    """The bundle with another ID model, all of whose parameters are random, in place of its own."""
    opened = load_bundle(folder)
    if "hidden_sizes" in CTR_MODELS[kind].model_fields:
        settings = {"hidden_sizes": (16,), **settings}
    config = CTR_MODELS[kind](embedding_dim=4, embedding_std=0.3, **settings)
    of = opened.vocabulary.statistics
    torch.manual_seed(0)
    model = build_ctr_model(config, of.num_fields, of.num_embeddings, of.pooling)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return replace(opened, method=IDOnly(model).eval(), calibrator=calibrator)


@torch.inference_mode()
def run(module, bundle, columns) -> np.ndarray:
    feed = ids_feed(bundle.vocabulary.encode(columns))
    lists = [place for place, field in enumerate(bundle.vocabulary.schema.fields) if field.kind == "list"]
    feed["feature_ids"][:, lists] = 10**9  # is not read
    return module(*map(torch.from_numpy, feed.values())).numpy()


@pytest.mark.parametrize(("kind", "settings"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_every_id_model_gives_predictors_probabilities(kind, settings, mixed_bundle):
    bundle = bundle_of(mixed_bundle, kind, settings)
    columns = sample_rows(bundle.vocabulary, 200)
    expected = Predictor(bundle).predict(columns)
    assert expected.std() > 0.01
    np.testing.assert_allclose(run(scoring_module(bundle), bundle, columns), expected, atol=1e-6)


@pytest.mark.parametrize("calibrator", [None, PlattCalibrator(slope=0.5, intercept=-1), STEEP])
def test_the_calibrator_is_part_of_it(calibrator, mixed_bundle):
    bundle = bundle_of(mixed_bundle, "dnn", {}, calibrator)
    columns = sample_rows(bundle.vocabulary, 100)
    expected = Predictor(bundle).predict(columns)
    np.testing.assert_allclose(run(scoring_module(bundle), bundle, columns), expected, atol=1e-5)


@pytest.mark.parametrize("calibrator", [None, PlattCalibrator(slope=2, intercept=0.3), STEEP])
def test_curves_at_every_logit(calibrator):
    logits = np.concatenate([np.linspace(-40, 40, 999), STEEP.thresholds, np.nextafter(STEEP.thresholds, 9)])
    logits = logits.astype(np.float32)
    found = curve_of(calibrator)(torch.from_numpy(logits)).numpy()
    expected = (calibrator or PlattCalibrator()).probabilities(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-7)


@pytest.mark.parametrize("kind", ["sum", "mean", "attention"])
def test_padded_lists_are_pooled_as_jagged_ones(kind):
    torch.manual_seed(1)
    pooling = ListPooling([None, kind], 5).double()
    for query in pooling.parameters():
        torch.nn.init.normal_(query, std=20)  # scores whose exponentials overflow unless the highest goes first
    lengths = torch.tensor([1, 4, 2, 7])
    items = torch.randn(int(lengths.sum()), 5, dtype=torch.float64)
    jagged = ListIds(1, torch.arange(len(items)), torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)]))
    present = torch.arange(9) < lengths.unsqueeze(1)
    padded = torch.full((4, 9, 5), 7.0, dtype=torch.float64)  # what lies behind a list must not count
    padded[present] = items
    torch.testing.assert_close(PaddedPooling(pooling, 1)(padded, present), pooling(items, jagged), rtol=0, atol=1e-12)


def test_an_empty_list_is_zero():
    pooled = PaddedPooling(ListPooling(["attention"], 3), 0)(torch.ones(2, 4, 3), torch.zeros(2, 4, dtype=torch.bool))
    assert (pooled == 0).all()
