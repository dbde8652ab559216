"""Calibration and sample weights through a whole run, against NumPy and scikit-learn."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss, roc_auc_score

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.calibration import fit_calibrator, read_calibrator
from clickprompt.evaluation import expected_calibration_error
from clickprompt.methods import IDOnlyConfig
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config
from clickprompt.training import score
from clickprompt.workflows import RunFolder, parse_recipe, prepare, run
from clickprompt.workflows.build import new_method
from clickprompt.workflows.calibrate import calibrate
from clickprompt.workflows.evaluate import evaluate
from clickprompt.workflows.seeds import seed_for
from clickprompt.workflows.show import show

SIZES = {"train": 480, "validation": 60, "test": 60}


class Listener:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.started: list[str] = []

    def start(self, task, total, unit):
        self.started.append(task)
        return lambda done, note: None

    def say(self, line):
        self.said.append(line)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=np.float64)))


@pytest.fixture(scope="module")
def rows(tiny_clicks):
    """Raw rows, labels and weights of each split."""
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False)
    ends = np.cumsum([0, *SIZES.values()])
    parts = {name: frame[ends[n] : ends[n + 1]] for n, name in enumerate(SIZES)}
    return {
        name: (part, part["clicked"].cast(pl.Float64).to_numpy(), part["weight"].cast(pl.Float64).to_numpy())
        for name, part in parts.items()
    }


def recipe_of(tiny_clicks, calibration, **finetuning):
    """The plain ID model, trained until it is too sure of itself."""
    finetune = {"epochs": 6, "batch_size": 32, "ctr_learning_rate": 0.03, "early_stopping": None}
    recipe = {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "embedding_std": 0.1, "hidden_sizes": [8]},
        "language_model": None,
        "method": {"kind": "id-only"},
        "finetune": {**finetune, "calibration": calibration, **finetuning},
        "seed": 1,
    }
    return parse_recipe(recipe)


@pytest.fixture(scope="module", params=["platt", "isotonic"])
def calibrated(request, tiny_clicks, tmp_path_factory):
    folder, listener = RunFolder(tmp_path_factory.mktemp(request.param)), Listener()
    (record,) = run(recipe_of(tiny_clicks, request.param), folder, listener)
    return request.param, folder, record, listener


def raw_logits(folder, frame) -> np.ndarray:
    """Logits of raw rows by the bundle's model without its calibrator."""
    probability = Predictor(replace(load_bundle(folder.bundle("id-only")), calibrator=None)).predict(frame)
    return np.log(probability.astype(np.float64) / (1 - probability.astype(np.float64)))


def test_the_calibrator_is_fitted_on_weighted_validation_rows(calibrated, rows):
    kind, folder, record, listener = calibrated
    frame, y, w = rows["validation"]
    z = raw_logits(folder, frame)
    calibrator = read_calibrator(folder.bundle("id-only"))
    assert calibrator.kind == record["calibration"]["calibrator"] == record["calibration"]["asked"] == kind
    p = calibrator.probabilities(z)
    if kind == "isotonic":
        expected = IsotonicRegression(out_of_bounds="clip").fit(z, y, w).predict(z)
        inside = (expected > 0) & (expected < 1)
        assert inside.sum() > 10
        np.testing.assert_allclose(p[inside], expected[inside], atol=1e-4)
    else:
        w = w / w.mean()
        t = np.where(y == 1, (w @ y + 1) / (w @ y + 2), 1 / (w @ (1 - y) + 2))
        # where the gradient of the weighted loss vanishes
        assert abs(np.average(p - t, weights=w)) < 1e-6
        assert abs(np.average((p - t) * z, weights=w)) < 1e-5
    about = record["calibration"]
    assert about["log_loss_before"] == pytest.approx(log_loss(y, sigmoid(z), sample_weight=w), rel=1e-5)
    assert about["log_loss_cross_fitted"] > log_loss(y, p, sample_weight=w)
    *warnings, line = [line for line in listener.said if line.startswith("calibrate id-only")]
    few = "60 validation rows are few for isotonic"
    assert [few in warning for warning in warnings] == [True] * (kind == "isotonic")
    assert f"{kind}, validation log loss {about['log_loss_before']:.4f} → {about['log_loss_cross_fitted']:.4f}" in line
    assert line.endswith("(cross-fitted)")


def test_test_measures_are_of_calibrated_probabilities_and_auc_of_raw_logits(calibrated, rows):
    _, folder, record, _ = calibrated
    frame, y, w = rows["test"]
    z = np.load(folder.step("evaluate-id-only") / "logits.npy")
    np.testing.assert_allclose(z, raw_logits(folder, frame), rtol=1e-3, atol=1e-4)
    p = load_bundle(folder.bundle("id-only")).calibrator.probabilities(z)
    assert record["auc"] == pytest.approx(roc_auc_score(y, z))
    assert record["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=w))
    assert record["log_loss"] != pytest.approx(log_loss(y, sigmoid(z), sample_weight=w), rel=1e-3)
    assert record["calibration_ratio"] == pytest.approx((w @ p) / (w @ y))
    for part in record["slices"]:
        if part["name"] == "warm user":
            counts = rows["train"][0]["user"].to_list()
            warm = frame["user"].is_in(counts).to_numpy()
            assert part["log_loss"] == pytest.approx(log_loss(y[warm], p[warm], sample_weight=w[warm], labels=[0, 1]))
            assert part["auc"] == pytest.approx(roc_auc_score(y[warm], z[warm]))


def test_the_bundle_carries_it(calibrated, rows, tmp_path):
    kind, folder, _, _ = calibrated
    bundle = folder.bundle("id-only")
    assert "calibration.json" in json.loads((bundle / "bundle.json").read_text())["files"]
    assert ["calibration", kind] in [line.split() for line in show(bundle).splitlines()]
    z = np.load(folder.step("evaluate-id-only") / "logits.npy")
    p = Predictor.load(bundle).predict(rows["test"][0])
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, load_bundle(bundle).calibrator.probabilities(z), rtol=1e-4)
    report = (folder.path / "report.html").read_text()
    assert "Bins of equal rows by calibrated probability" in report
    assert f"calibrated probabilities (id-only: {kind})" in report
    copy = shutil.copytree(bundle, tmp_path / "copy")
    path = copy / "calibration.json"
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(ClickPromptError, match=r"calibration\.json: changed since it was written"):
        load_bundle(copy)


def test_another_calibrator_is_evaluated_anew(tiny_clicks, tmp_path):
    folder, losses = RunFolder(tmp_path), {}
    for kind in ("none", "platt", "isotonic"):
        (record,) = run(recipe_of(tiny_clicks, kind), folder, Listener())
        losses[kind] = record["log_loss"], record["auc"]
        if kind == "none":
            assert record["calibration"] is None
            stranger = folder.bundle("id-only") / "calibration.json"
            assert not stranger.exists()
            stranger.write_text('{"kind": "platt", "slope": 9.0}')
            assert load_bundle(folder.bundle("id-only")).calibrator is None  # no part of what was written
            stranger.unlink()
            assert "calibrated" not in (folder.path / "report.html").read_text()
    assert len({loss for loss, _ in losses.values()}) == 3
    assert len({auc for _, auc in losses.values()}) == 1


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_logits_that_rank_upside_down_keep_their_order_and_the_user_hears_of_it(kind):
    random, listener = np.random.default_rng(0), Listener()
    z = random.normal(size=500)
    y = (random.random(500) < sigmoid(-z)).astype(float)
    calibration = calibrate(kind, y, z, None, 1, "id-only", listener)
    assert calibration.record["asked"] == kind
    assert calibration.record["calibrator"] == "platt"
    assert calibration.calibrator.slope == 1
    assert listener.said[0].startswith("calibrate id-only: the validation logits do not rank clicks above other rows")
    assert len(listener.said) == 2


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_the_figures_are_of_rows_that_the_fit_has_not_seen(kind):
    random = np.random.default_rng(2)
    z, w = random.normal(size=1203), random.integers(0, 3, 1203).astype(float)
    y = (random.random(1203) < sigmoid(z / 2 - 1)).astype(float)
    listener = Listener()
    calibration = calibrate(kind, y, z, w, 7, "id-only", listener)
    assert calibration.calibrator == fit_calibrator(kind, y, z, w).calibrator
    (line,) = listener.said  # rows enough for either
    fitted = np.full(1203, np.nan)
    order = np.random.default_rng(seed_for(7, "calibration folds")).permutation(1203)
    for number in range(5):
        held = [row for row in range(1203) if order[row] % 5 == number]
        rest = [row for row in range(1203) if order[row] % 5 != number]
        assert abs(len(held) - 1203 / 5) < 1
        fitted[held] = fit_calibrator(kind, y[rest], z[rest], w[rest]).calibrator.probabilities(z[held])
    expected = log_loss(y, fitted, sample_weight=w)
    assert calibration.record["log_loss_cross_fitted"] == pytest.approx(expected, rel=1e-9)
    assert f"→ {expected:.4f}" in line
    error = calibration.record["expected_calibration_error_cross_fitted"]
    assert error == pytest.approx(expected_calibration_error(y, fitted, weights=w), rel=1e-9)
    assert error > 1e-3  # in-sample, isotonic has none


def test_two_validation_rows_are_no_crash():
    for kind in ("platt", "isotonic"):
        record = calibrate(kind, [0.0, 1.0], [-1.0, 1.0], [0.0, 1.0], 1, "id-only", Listener()).record
        assert np.isfinite(record["log_loss_cross_fitted"])


def test_another_calibrator_keeps_the_weights(calibrated, tiny_clicks, tmp_path):
    kind, fresh, _, _ = calibrated
    folder, records, kept, calibrators = RunFolder(tmp_path), [], [], []
    for asked in ("none", kind, "none"):
        listener = Listener()
        (record,) = run(recipe_of(tiny_clicks, asked), folder, listener)
        assert ("finetune id-only" in listener.started) == (not records)
        assert "score test rows with id-only" in listener.started
        records.append(record)
        bundle, step = folder.bundle("id-only"), folder.step("id-only")
        kept.append([(bundle / "weights.safetensors").read_bytes(), (step / "history.json").read_bytes()])
        calibrators.append(calibration_bytes(folder))
        assert f"calibration: {asked}" in json.loads((bundle / "bundle.json").read_text())["provenance"]["recipe"]
    assert kept[0] == kept[1] == kept[2]
    assert calibrators == [None, calibration_bytes(fresh), None]
    assert records[1]["calibration"]["asked"] == kind
    assert records[1]["log_loss"] != records[0]["log_loss"] == records[2]["log_loss"]
    assert len({(record["auc"], record["train_seconds"]) for record in records}) == 1
    with pytest.raises(ClickPromptError, match="has not been trained with these settings"):
        evaluate(recipe_of(tiny_clicks, kind), folder, prepare_again(tiny_clicks, folder), Listener())


def test_a_recalibration_stopped_half_way_is_done_again(calibrated, tiny_clicks, tmp_path):
    kind, fresh, _, _ = calibrated
    folder = RunFolder(tmp_path)
    for name in ("prepared", "steps", "bundles"):
        shutil.copytree(fresh.path / name, tmp_path / name)
    run(recipe_of(tiny_clicks, "none"), folder, Listener())
    shutil.rmtree(folder.step("id-only"))
    shutil.copytree(fresh.step("id-only"), folder.step("id-only"))  # as if the bundle alone had been written
    (record,) = run(recipe_of(tiny_clicks, kind), folder, Listener())
    assert calibration_bytes(folder) == calibration_bytes(fresh)
    assert record["calibration"]["calibrator"] == kind


def calibration_bytes(folder: RunFolder) -> bytes | None:
    path = folder.bundle("id-only") / "calibration.json"
    return path.read_bytes() if path.exists() else None


def prepare_again(tiny_clicks, folder: RunFolder):
    return prepare(recipe_of(tiny_clicks, "none"), folder.prepared, Listener())


def test_weights_count_in_training_and_validation_and_test(tiny_clicks, tmp_path, rows):
    recipe = recipe_of(tiny_clicks, "none", batch_size=480, epochs=3, oov_dropout=0, evaluations_per_epoch=1)
    folder = RunFolder(tmp_path)
    (record,) = run(recipe, folder, Listener())
    history = folder.step_history("id-only")
    data = prepare(recipe, folder.prepared, Listener())
    reader = data.reader(["train"], reads="ids")
    untrained = new_method(IDOnlyConfig(), recipe, data)
    z = score(untrained, reader.in_order(480), 480, next(untrained.parameters()).device)
    _, y, w = rows["train"]
    weighted, plain = log_loss(y, sigmoid(z), sample_weight=w), log_loss(y, sigmoid(z))
    assert history[0]["train_loss"] == pytest.approx(weighted, rel=1e-5)
    assert weighted != pytest.approx(plain, rel=1e-4)
    best = max(history, key=lambda row: row["validation_auc"])
    for part, shown in (("validation", best["validation_log_loss"]), ("test", record["log_loss"])):
        frame, y, w = rows[part]
        p = sigmoid(raw_logits(folder, frame))
        assert shown == pytest.approx(log_loss(y, p, sample_weight=w), rel=1e-5)
        assert shown != pytest.approx(log_loss(y, p), rel=3e-4)
    with (folder.path / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
