"""Training on a share of the rows without a click, and probabilities that hold on all rows all the same."""

from __future__ import annotations

import csv
import json

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.calibration import PlattCalibrator, read_calibrator
from clickprompt.export.feeds import ids_feed
from clickprompt.export.scoring_module import scoring_module
from clickprompt.workflows import RunFolder, finetune, parse_recipe, prepare, run
from clickprompt.workflows.evaluate import evaluate
from clickprompt.workflows.show import show

ROWS, KEEP = 8_000, 0.2


class Lines:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, task, total, unit):
        return lambda done, note: None

    def say(self, line):
        self.said.append(line)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=np.float64)))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A click log with one click in seven rows or so; the last 800 rows are the test split."""
    random = np.random.default_rng(5)
    user, item = random.integers(0, 20, ROWS), random.integers(0, 10, ROWS)
    logit = random.normal(0, 1, 20)[user] + random.normal(0, 1, 10)[item] - 2.6
    clicked = random.random(ROWS) < sigmoid(logit)
    path = tmp_path_factory.mktemp("log") / "clicks.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "time", "clicked"])
        writer.writerows(
            [f"u{u}", f"i{i}", t, int(c)] for t, (u, i, c) in enumerate(zip(user, item, clicked, strict=True))
        )
    return path


def recipe_of(log, correction="logit", calibration="none", keep=KEEP):
    fields = [{"name": "user", "side": "user"}, {"name": "item", "side": "item"}]
    source = {"kind": "files", "path": str(log), "fields": fields, "label": "clicked", "timestamp": "time"}
    recipe = {
        "data": {"source": source, "negatives": {"keep": keep, "correction": correction}},
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "embedding_std": 0.1, "hidden_sizes": [16]},
        "language_model": None,
        "method": {"kind": "id-only"},
        "finetune": {"epochs": 6, "batch_size": 128, "ctr_learning_rate": 0.003, "calibration": calibration},
        "seed": 2,
    }
    return parse_recipe(recipe)


def trained(recipe, folder):
    """The record of a run without its report."""
    data = prepare(recipe, folder.prepared, Lines())
    finetune(recipe, "id-only", folder, data, Lines())
    (record,) = evaluate(recipe, folder, data, Lines())
    return record


@pytest.fixture(scope="module")
def runs(log, tmp_path_factory):
    """Folder, record and lines of a run of each correction."""
    folder, lines = RunFolder(tmp_path_factory.mktemp("logit")), Lines()
    (record,) = run(recipe_of(log), folder, lines)
    other = RunFolder(tmp_path_factory.mktemp("weight"))
    return {"logit": (folder, record, lines.said), "weight": (other, trained(recipe_of(log, "weight"), other), [])}


@pytest.fixture(scope="module")
def test_rows(log):
    frame = pl.read_csv(log, infer_schema=False)[-800:]
    return frame, frame["clicked"].cast(pl.Float64).to_numpy()


@pytest.mark.parametrize("correction", ["logit", "weight"])
def test_as_many_clicks_are_predicted_as_observed(runs, test_rows, correction):
    folder, record, _ = runs[correction]
    frame, y = test_rows
    split = json.loads((folder.prepared / "manifest.json").read_text())["splits"]["train"]
    assert split["rows"] < 0.45 * 0.8 * ROWS  # few rows without a click are left
    p = Predictor.load(folder.bundle("id-only")).predict(frame)
    assert p.sum() / y.sum() == pytest.approx(1, abs=0.15)
    assert record["calibration_ratio"] == pytest.approx(p.sum() / y.sum(), rel=1e-5)
    assert record["log_loss"] == pytest.approx(log_loss(y, p.astype(np.float64)), rel=1e-5)
    raw = np.load(folder.step("evaluate-id-only") / "logits.npy")
    assert record["auc"] == pytest.approx(roc_auc_score(y, raw))
    assert (sigmoid(raw).sum() / y.sum() > 2) == (correction == "logit")
    shown = {line.split("  ")[0]: line for line in show(folder.bundle("id-only")).splitlines()}
    assert ("logits shifted by -1.6094" in shown["calibration"]) == (correction == "logit")


def test_the_shift_is_in_the_bundle_in_exports_and_in_what_is_told(runs, test_rows):
    folder, record, said = runs["logit"]
    bundle, frame = folder.bundle("id-only"), test_rows[0]
    assert read_calibrator(bundle) == PlattCalibrator(slope=1.0, intercept=np.log(KEEP))
    assert record["calibration"] == {"asked": "none", "calibrator": "shift", "shift": np.log(KEEP)}
    assert any("calibrate id-only: logits shifted by -1.6094, for training rows without" in line for line in said)
    opened = load_bundle(bundle)
    feed = ids_feed(opened.vocabulary.encode({name: frame[name].to_list() for name in ("user", "item")}))
    with torch.inference_mode():  # what ONNX files, torch programs and Triton models are traced from
        found = scoring_module(opened)(*map(torch.from_numpy, feed.values())).numpy()
    np.testing.assert_allclose(found, Predictor.load(bundle).predict(frame), atol=1e-6)
    report = (folder.path / "report.html").read_text()
    assert "(id-only: logits shifted by -1.6094); AUC ranks by the raw logits" in report
    assert "training rows without a click left out, 20 % kept; logits are shifted by -1.6094 when scoring" in report
    assert "20 % kept; logits are shifted" in show(folder.prepared)


def best_loss(folder) -> float:
    """Validation log loss where the weights were kept."""
    measured = [row for row in folder.step_history("id-only") if "validation_auc" in row]
    return max(measured, key=lambda row: row["validation_auc"])["validation_log_loss"]


def test_validation_log_loss_is_that_of_whole_rows(runs, log):
    folder, _, _ = runs["logit"]
    frame = pl.read_csv(log, infer_schema=False)[-1600:-800]
    y = frame["clicked"].cast(pl.Float64).to_numpy()
    p = Predictor.load(folder.bundle("id-only")).predict(frame).astype(np.float64)
    assert best_loss(folder) == pytest.approx(log_loss(y, p), rel=1e-5)


def test_a_fitted_calibrator_takes_the_place_of_the_shift(runs, log, test_rows):
    folder, plain, _ = runs["logit"]
    weights = (folder.bundle("id-only") / "weights.safetensors").read_bytes()
    record = trained(recipe_of(log, calibration="platt"), folder)
    about, bundle = record["calibration"], load_bundle(folder.bundle("id-only"))
    assert bundle.calibrator.intercept == pytest.approx(np.log(KEEP), abs=0.4)
    assert bundle.calibrator.intercept != np.log(KEEP)
    assert about["log_loss_before"] == pytest.approx(best_loss(folder), rel=1e-5)
    assert record["calibration_ratio"] == pytest.approx(1, abs=0.15)
    again = trained(recipe_of(log), folder)
    assert again["log_loss"] == plain["log_loss"] != record["log_loss"]
    assert read_calibrator(folder.bundle("id-only")).intercept == np.log(KEEP)
    assert (folder.bundle("id-only") / "weights.safetensors").read_bytes() == weights


def test_all_rows_kept_is_no_shift(log, tmp_path):
    folder = RunFolder(tmp_path)
    assert trained(recipe_of(log, keep=1), folder)["calibration"] is None
    assert read_calibrator(folder.bundle("id-only")) is None
    assert "without a click" not in show(folder.prepared)
