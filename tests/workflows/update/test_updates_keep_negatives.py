"""Updates of a bundle whose training rows without a click were down-sampled, and what they need of the machine."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from clickprompt.bundle import load_bundle
from clickprompt.calibration import PlattCalibrator
from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table import FreshRows
from clickprompt.table.config import NegativesConfig
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks
from clickprompt.workflows import resources
from clickprompt.workflows.update import ModelStore, update, update_report
from clickprompt.workflows.update.negatives import thinned

LABELS = (np.random.default_rng(0).random(5_000) < 0.2).astype(np.float32)


def fresh(weights=None):
    return FreshRows(TableSchema(fields=(Field(name="a"),)), [], LABELS, weights, np.arange(5_000), True)


def test_a_share_of_the_rows_without_a_click_stays_in_order_and_weighs_more():
    own = np.random.default_rng(1).choice([1.0, 2.0], 5_000).astype(np.float32)
    train = np.random.default_rng(2).permutation(4_000)
    rows, kept = thinned(fresh(own), train, NegativesConfig(keep=0.25), 7, 1)
    clicks = LABELS[train] == 1
    np.testing.assert_array_equal(kept, train[np.isin(train, kept)])
    assert set(train[clicks]) <= set(kept)
    assert len(kept) - clicks.sum() == round(0.25 * (~clicks).sum())
    up = np.zeros(5_000, bool)
    up[kept] = LABELS[kept] == 0
    np.testing.assert_array_equal(rows.weights, np.where(up, 4 * own, own))
    np.testing.assert_array_equal(kept, thinned(fresh(own), train, NegativesConfig(keep=0.25), 7, 1)[1])
    assert set(kept) != set(thinned(fresh(own), train, NegativesConfig(keep=0.25), 7, 2)[1])  # the next day's draws
    shifted, same = thinned(fresh(), train, NegativesConfig(keep=0.25, correction="logit"), 7, 1)
    assert shifted.weights is None
    np.testing.assert_array_equal(same, kept)
    only = np.flatnonzero(LABELS == 0)[:3]
    assert len(thinned(fresh(), only, NegativesConfig(keep=0.01), 7, 1)[1]) == 1


def days(folder):
    write_tiny_clicks(folder, rows=800)
    with (folder / "clicks.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    for name, some in (("clicks.csv", rows[:400]), ("day.csv", rows[400:])):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *some])
    return np.array([int(row[-1]) for row in rows[400:]])


def test_the_shift_stays_and_todays_rows_are_thinned_too(tmp_path, config, train):
    clicked = days(tmp_path)
    recipe = {
        "data": {**tiny_data_config(tmp_path), "negatives": {"keep": 0.5, "correction": "logit"}},
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": None,
        "method": {"kind": "id-only"},
        "finetune": {"epochs": 2, "batch_size": 32},
    }
    store = ModelStore(tmp_path / "model")
    store.publish(train(recipe, tmp_path / "run") / "id-only")
    planned = update(store.path, [str(tmp_path / "day.csv")], config, dry_run=True)
    done = update(store.path, [str(tmp_path / "day.csv")], config)
    assert done.outcome == "promoted"
    learned, others = clicked[:360], int((clicked[:360] == 0).sum())
    assert done.record["calibration_rows"] == 0
    assert done.record["held_out_rows"] == 40
    assert done.record["negatives"] == {"keep": 0.5, "correction": "logit", "dropped": others - round(others / 2)}
    assert done.record["train_rows"] == learned.sum() + round(others / 2)
    assert planned.record["train_rows"] == done.record["train_rows"]
    assert f"rows without a click: 50 % learned from, {others - round(others / 2)} left out" in update_report(done)
    for version in ("1", "2"):
        assert load_bundle(store.path / version).calibrator == PlattCalibrator(intercept=np.log(0.5))


def test_what_does_not_fit_is_refused_before_an_update_trains(store, day, config, monkeypatch):
    monkeypatch.setattr(resources, "free_memory", lambda device: 1000)
    with pytest.raises(
        ClickPromptError, match=r"^update id-only: needs at least 0 MB .*, or say --no-check-resources$"
    ):
        update(store, [str(day)], config)
    assert ModelStore(store).versions == [1]
    assert update(store, [str(day)], config.model_copy(update={"check_resources": False})).outcome == "promoted"
