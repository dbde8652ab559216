from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clickprompt.bundle import Predictor
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import write_tiny_language_model
from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, finetune, parse_recipe, prepare, pretrain, run


class Listener:
    """Progress that remembers what was said and begun."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, task, total, unit):
        self.lines.append(task)
        return lambda done, note: None

    def say(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_clicks, tiny_bert):
    """A whole run, done once for this module."""
    recipe = {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dcn-v2", "embedding_dim": 4, "cross_layers": 1, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": "clickprompt", "prompt": {"length": 2}},
        "pretrain": {"max_steps": 4, "batch_size": 32, "micro_batch_size": 16},
        "finetune": {"epochs": 8, "batch_size": 32, "ctr_learning_rate": 0.02},
        "finetune_with_language_model": {"max_steps": 4, "batch_size": 32, "evaluations_per_epoch": 1},
        "seed": 1,
    }
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    records = run(parse_recipe(recipe), folder, Listener())
    return recipe, folder, records


def test_metrics_are_one_record_a_model(finished):
    _, folder, records = finished
    assert json.loads((folder.path / "metrics.json").read_text()) == records
    assert [record["model"] for record in records] == ["id-only", "clickprompt-without-lm", "clickprompt-with-lm"]
    for record in records:
        assert record["split"] == "test"
        assert record["rows"] == 60
        assert record["seed"] == 1
        assert 0 < record["auc"] < 1
        assert record["log_loss"] > 0
        assert record["train_seconds"] > 0
        slices = {part["name"]: part["rows"] for part in record["slices"]}
        assert {"cold user", "warm user", "cold item", "warm item", "cold any field", "warm all fields"} <= set(slices)
        cells = [rows for name, rows in slices.items() if name.startswith(("tail", "head"))]
        assert (len(cells), sum(cells)) == (4, 60)
    assert records[0]["pretrain_seconds"] == 0 < records[1]["pretrain_seconds"]


def test_the_plain_model_learns(finished):
    _, _, records = finished
    assert records[0]["auc"] > 0.6


def test_what_else_a_run_leaves(finished):
    _, folder, _ = finished
    assert (folder.path / "recipe.yaml").read_text().startswith("data:")
    with (folder.path / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert {(row["model"], row["phase"]) for row in history} >= {("clickprompt", "pretrain"), ("id-only", "finetune")}
    report = (folder.path / "report.html").read_text()
    assert "http://" not in report.replace("http://www.w3.org", "")
    assert "clickprompt-with-lm" in report
    comparisons = json.loads((folder.path / "comparisons.json").read_text())
    assert [c["model"] for c in comparisons] == ["clickprompt-without-lm", "clickprompt-with-lm"]
    assert all("bootstrap_interval" in c and "delong_p" in c for c in comparisons)


@pytest.mark.parametrize("model", ["id-only", "clickprompt-without-lm", "clickprompt-with-lm"])
def test_bundles_score_raw_rows_as_the_run_did(finished, tiny_clicks, model):
    import polars as pl

    _, folder, _ = finished
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    probability = Predictor.load(folder.bundle(model)).predict(frame)
    logits = np.load(folder.step(f"evaluate-{model}") / "logits.npy")
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logits)), rtol=2e-5)


def test_a_second_run_does_nothing_again_and_says_the_same(finished):
    recipe, folder, records = finished
    listener = Listener()
    assert run(parse_recipe(recipe), folder, listener) == records
    assert [line.split(":")[0] for line in listener.lines] == [
        "pretrain",
        "finetune id-only",
        "finetune clickprompt-without-lm",
        "finetune clickprompt-with-lm",
    ]
    assert all("already done" in line for line in listener.lines)


def test_another_tail_is_measured_anew_and_trains_nothing(finished):
    recipe, folder, records = finished
    try:
        listener = Listener()
        other = run(parse_recipe({**recipe, "evaluation": {"tail_share": 0.5}}), folder, listener)
        assert all("already done" in line or line.startswith("score test rows") for line in listener.lines)
        assert [record["auc"] for record in other] == [record["auc"] for record in records]
        rows = [[part["rows"] for part in record["slices"] if "tail" in part["name"]] for record in (*records, *other)]
        assert rows[0] != rows[-1]
    finally:
        run(parse_recipe(recipe), folder, Listener())


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(finished, tmp_path):
    recipe, folder, records = finished

    def measures(all_records):
        return [(record["auc"], record["log_loss"]) for record in all_records]

    again = run(parse_recipe(recipe), RunFolder(tmp_path / "again", folder.prepared), Listener())
    assert measures(again) == measures(records)
    other = run(parse_recipe({**recipe, "seed": 2}), RunFolder(tmp_path / "other", folder.prepared), Listener())
    assert all(a != b for a, b in zip(measures(other), measures(records), strict=True))


def test_only_what_a_changed_setting_touches_is_done_again(finished, tmp_path):
    recipe, folder, _ = finished
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    changed = {**recipe, "finetune_with_language_model": {**recipe["finetune_with_language_model"], "max_steps": 2}}
    listener = Listener()
    run(parse_recipe(changed), copy, listener)
    done_again = [line for line in listener.lines if "already" not in line]
    assert {line.split(":")[0] for line in done_again} == {
        "finetune clickprompt-with-lm",
        "validate clickprompt-with-lm",
        "score test rows with clickprompt-with-lm",
    }


def test_another_calibrator_trains_no_language_model_again(finished, tmp_path):
    recipe, folder, records = finished
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    changed = {
        **recipe,
        "finetune_with_language_model": {**recipe["finetune_with_language_model"], "calibration": "platt"},
    }
    listener = Listener()
    again = run(parse_recipe(changed), copy, listener)
    assert not {"pretrain", "finetune clickprompt-with-lm"} & set(listener.lines)
    assert [record["auc"] for record in again] == [record["auc"] for record in records]
    assert [a["log_loss"] == b["log_loss"] for a, b in zip(again, records, strict=True)] == [True, True, False]
    assert again[2]["calibration"]["asked"] == "platt"


def test_changed_data_is_never_reused(finished, tmp_path, tiny_clicks):
    recipe, folder, _ = finished
    listener = Listener()
    changed = json.loads(json.dumps(recipe))
    moved = tmp_path / "clicks.csv"
    lines = (tiny_clicks / "clicks.csv").read_text().splitlines()
    moved.write_text("\n".join([*lines[:-1], lines[-1].replace(",1", ",0")[:-1] + "1"]) + "\n")
    changed["data"]["source"]["path"] = str(moved)
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    before = prepare(parse_recipe(recipe), copy.prepared, listener).table.fingerprint
    assert prepare(parse_recipe(changed), copy.prepared, listener).table.fingerprint != before


def test_evaluation_needs_trained_models(tiny_recipe, tmp_path):
    from clickprompt.workflows import evaluate

    recipe, folder = parse_recipe(tiny_recipe), RunFolder(tmp_path)
    data = prepare(recipe, folder.prepared, Listener())
    with pytest.raises(ClickPromptError, match="id-only has not been trained with these settings"):
        evaluate(recipe, folder, data, Listener())


def test_with_and_without_the_lm_start_from_one_pretrained_state(tiny_recipe, tmp_path):
    tiny_recipe["finetune_with_language_model"] |= {"ctr_learning_rate": 1e-30, "max_steps": 1}
    recipe, folder = parse_recipe({**tiny_recipe}), RunFolder(tmp_path)
    data = prepare(recipe, folder.prepared, Listener())
    pretrain(recipe, folder, data, Listener())
    from safetensors.numpy import load_file

    start = load_file(folder.step("pretrained") / "weights.safetensors")
    finetune(recipe, "clickprompt-with-lm", folder, data, Listener())
    tuned = load_file(folder.bundle("clickprompt-with-lm") / "weights.safetensors")
    for name in start:
        if name.startswith(("ctr.", "prompts.")):
            np.testing.assert_allclose(tuned[name], start[name], atol=1e-6)


def test_the_control_without_words(tiny_recipe, tmp_path):
    tiny_recipe |= {"method": {"kind": "masked-field"}, "language_model": None}
    records = run(parse_recipe(tiny_recipe), RunFolder(tmp_path), Listener())
    assert [record["model"] for record in records] == ["id-only", "masked-field"]
    assert records[0]["auc"] != records[1]["auc"]


def test_a_frozen_language_model_stays_as_it_was_pretrained(tiny_recipe, tmp_path):
    from safetensors.numpy import load_file

    tiny_recipe["finetune_with_language_model"]["language_learning_rate"] = 0
    recipe, folder = parse_recipe({**tiny_recipe, "models": ["clickprompt-with-lm"]}), RunFolder(tmp_path)
    run(recipe, folder, Listener())
    start = load_file(folder.step("pretrained") / "weights.safetensors")
    tuned = load_file(folder.bundle("clickprompt-with-lm") / "weights.safetensors")
    for name, weight in start.items():
        if name.startswith("language."):
            assert (tuned[name] == weight).all(), name
        elif name.startswith("prompts."):
            assert (tuned[name] != weight).any(), name


def test_a_damaged_step_is_noticed(finished, tmp_path: Path):
    recipe, folder, _ = finished
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    weights = copy.step("pretrained") / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ClickPromptError, match=r"weights\.safetensors: changed since it was written"):
        run(parse_recipe(recipe), copy, Listener())


def test_another_checkpoint_of_the_same_name_is_noticed(finished, tmp_path, tiny_bert):
    recipe, folder, _ = finished
    copy, lm = RunFolder(tmp_path / "run"), tmp_path / "lm"
    shutil.copytree(folder.path, copy.path)
    shutil.copytree(tiny_bert, lm)
    write_tiny_language_model(lm, "bert", seed=9)
    listener = Listener()
    run(parse_recipe({**recipe, "language_model": {"name": str(lm), "max_length": 64}}), copy, listener)
    assert not any(line.startswith("pretrain: already done") for line in listener.lines)
    assert any(line.startswith("finetune id-only: already done") for line in listener.lines)


def test_a_bundle_of_other_settings_is_trained_again(finished, tmp_path):
    recipe, folder, records = finished
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    changed = {**recipe, "models": ["id-only"], "finetune": {**recipe["finetune"], "epochs": 1}}
    run(parse_recipe(changed), copy, Listener())
    shutil.rmtree(copy.step("id-only"))
    shutil.copytree(folder.step("id-only"), copy.step("id-only"))  # as if a run had been killed between the two
    again = run(parse_recipe({**recipe, "models": ["id-only"]}), copy, Listener())
    assert again[0]["auc"] == records[0]["auc"]


def test_a_prepared_folder_that_is_replaced_changes_nothing_for_who_has_it_open(tiny_recipe, tmp_path):
    recipe = parse_recipe(tiny_recipe)
    data = prepare(recipe, tmp_path / "prepared", Listener())
    labels = data.table.split("test").labels.copy()
    tiny_recipe["data"]["split"] = {"order": "shuffle"}
    other = prepare(parse_recipe(tiny_recipe), tmp_path / "prepared", Listener())
    assert (data.table.split("test").labels == labels).all()
    assert (other.table.split("test").labels != labels).any()


def test_curves_of_another_pretraining_are_left_out(finished, tmp_path):
    recipe, folder, _ = finished
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, copy.path)
    other = parse_recipe({**recipe, "pretrain": {**recipe["pretrain"], "max_steps": 2}})
    pretrain(other, copy, prepare(other, copy.prepared, Listener()), Listener())
    run(parse_recipe({**recipe, "models": ["id-only"]}), copy, Listener())
    assert "pretrain" not in (copy.path / "history.csv").read_text()


def test_training_needs_the_prepared_folder_alone(tiny_recipe, tmp_path):
    """Neither polars nor pandas, nor the raw rows."""
    folder = RunFolder(tmp_path)
    prepare(parse_recipe(tiny_recipe), folder.prepared, Listener())
    code = f"""
import json, sys
from pathlib import Path
sys.modules["polars"] = None
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run
run(parse_recipe(json.loads({json.dumps(tiny_recipe)!r})), RunFolder(Path({str(tmp_path)!r})), SilentProgress())
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("models", ["id-only", ["id-only"]])
def test_nothing_to_train_is_an_error(tiny_recipe, tmp_path, models):
    tiny_recipe |= {"models": models}
    tiny_recipe["finetune"] |= {"ctr_learning_rate": 0}
    with pytest.raises(ClickPromptError, match="every learning rate is 0, so nothing would be trained"):
        run(parse_recipe(tiny_recipe), RunFolder(tmp_path), Listener())
    with pytest.raises(ClickPromptError, match=r"models: \[id-only\] start without pretraining"):
        pretrain(parse_recipe(tiny_recipe), RunFolder(tmp_path), None, Listener())
