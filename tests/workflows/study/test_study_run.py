from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from clickprompt.cli import app
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run
from clickprompt.workflows.study import run_study

SECONDS = ["train_seconds", "pretrain_seconds"]


def steps(out: Path) -> dict[Path, int]:
    """When each finished step was written; what lies under a temporary name, which a dot begins, is none."""
    found = [*out.glob("runs/*/steps/[!.]*/*"), *out.glob("pretrained/[!.]*/*")]
    return {path: path.stat().st_mtime_ns for path in found}


def results(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "results.parquet")


def without_seconds(folder: Path) -> pl.DataFrame:
    return results(folder).drop(SECONDS)


@pytest.fixture(scope="module")
def file(tmp_path_factory, tiny_study, study_file):
    return study_file(tmp_path_factory.mktemp("study"), tiny_study())


@pytest.fixture(scope="module")
def finished(tmp_path_factory, file):
    """A whole study, done once for this module: the folder that studies share, and its own."""
    out = tmp_path_factory.mktemp("out")
    folder, failures = run_study(file, out, SilentProgress())
    assert failures == 0
    return out, folder


def test_every_cell_and_every_trial_is_in_the_results(finished):
    rows = results(finished[1])
    whole = rows.filter(pl.col("slice") == "all")
    methods = ["plain", "without LM", "with LM"]
    cells = whole.filter(pl.col("phase") == "test").select("method", "seed").rows()
    trials = whole.filter(pl.col("phase") == "trial").select("method", "trial", "seed").rows()
    assert sorted(cells) == sorted((method, seed) for method in methods for seed in (1, 2))
    assert sorted(trials) == sorted((method, trial, 1) for method in methods for trial in (0, 1))
    assert set(rows["status"]) == {"done"}
    assert set(rows["study"]) == {"tiny"}
    assert {"cold user", "warm item"} < set(rows["slice"])


def test_the_best_trial_on_validation_rows_sets_all_seeds(finished):
    rows = results(finished[1]).filter(pl.col("slice") == "all")
    for (_, model), of_method in rows.group_by("method", "model"):
        trials = of_method.filter(pl.col("phase") == "trial").sort("validation_auc", descending=True)
        cells = of_method.filter(pl.col("phase") == "test")
        assert set(cells["trial"]) == {trials["trial"][0]}
        assert set(cells["settings"]) == {trials["settings"][0]}
        section = "finetune_with_language_model" if model == "clickprompt-with-lm" else "finetune"
        assert list(json.loads(trials["settings"][0])) == [f"{section}.ctr_learning_rate"]


def test_trials_read_no_test_row(finished):
    out, folder = finished
    rows = results(folder).filter(pl.col("slice") == "all")
    tested = set(rows.filter(pl.col("phase") == "test")["run"])
    trials = rows.filter(pl.col("phase") == "trial")
    lost = set(trials["run"]) - tested
    assert len(lost) == 3
    assert len(tested) == 6
    assert trials["auc"].null_count() == len(trials)
    for name in lost:
        assert not list((out / "runs" / name / "steps").glob("evaluate-*"))


def test_a_cell_is_what_a_run_by_itself_gives(finished, tiny_study, tmp_path):
    cell = results(finished[1]).filter(
        (pl.col("method") == "with LM")
        & (pl.col("seed") == 2)
        & (pl.col("slice") == "all")
        & (pl.col("phase") == "test")
    )
    study = tiny_study()
    recipe = study["base"] | {
        "data": study["data_sets"]["clicks"]["data"],
        "seed": 2,
        "models": ["clickprompt-with-lm"],
    }
    ((key, rate),) = json.loads(cell["settings"][0]).items()
    section, name = key.split(".")
    recipe[section] = recipe[section] | {name: rate}
    (record,) = run(parse_recipe(recipe), RunFolder(tmp_path), SilentProgress())
    for measure in ("auc", "log_loss", "grouped_auc", "validation_auc", "parameters", "bundle_bytes"):
        assert cell[measure][0] == pytest.approx(record[measure], rel=0.01 if measure == "bundle_bytes" else 1e-12)


def test_a_pretraining_is_shared_by_the_runs_of_its_seed_alone(finished):
    out, _ = finished
    assert len(list(out.glob("pretrained/*/weights.safetensors"))) == 2
    assert not list(out.glob("runs/*/steps/pretrained"))
    assert len(list(out.glob("prepared/*/manifest.json"))) == 1


def test_a_second_start_repeats_nothing(finished, file):
    out, folder = finished
    before, rows, table = steps(out), results(folder), (folder / "tables.md").read_text()
    assert run_study(file, out, SilentProgress()) == (folder, 0)
    assert steps(out) == before
    assert results(folder).equals(rows)
    assert (folder / "tables.md").read_text() == table
    assert "Unfinished" not in table
    assert (folder / "study.yaml").read_bytes() == file.read_bytes()


def test_another_study_in_the_same_folder_uses_what_it_finds(finished, tiny_study, tmp_path):
    import yaml

    out, folder = finished
    before = steps(out)
    path = tmp_path / "studies" / "other.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(tiny_study(methods={"same": {"model": "id-only"}}, seeds=[2], baseline=None)))
    other, failures = run_study(path, out, SilentProgress())
    assert (other, failures) == (out / "studies" / "other", 0)
    assert steps(out) == before
    own = results(folder).filter(method="plain", seed=2)
    assert results(other).filter(pl.col("phase") == "test")["auc"].to_list() == own["auc"].to_list()


def test_the_plan_tells_what_is_done(finished, file, tmp_path):
    result = CliRunner().invoke(app, ["study", str(file), "--out", str(finished[0]), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "12 trials and cells, 12 done; they are 9 different runs. 0 pretrainings to do" in result.output
    fresh = CliRunner().invoke(app, ["study", str(file), "--out", str(tmp_path / "none"), "--dry-run"])
    assert "12 trials and cells, 0 done" in fresh.output
    assert "2 pretrainings to do" in fresh.output
    assert "Time left: unknown" in fresh.output
    assert not (tmp_path / "none").exists()


def test_a_part_of_a_study(tiny_study, study_file, tmp_path):
    content = tiny_study(trials=None)
    file, out = study_file(tmp_path, content), tmp_path / "out"
    folder, _ = run_study(file, out, SilentProgress(), ["method=plain", "seed=2"])
    assert results(folder).select("method", "seed", "trial").unique().rows() == [("plain", 2, 0)]
    assert set(results(folder)["phase"]) == {"test"}
    assert "Unfinished: 1 of 6 cells are done." in (folder / "tables.md").read_text()
    measured = CliRunner().invoke(app, ["study", str(file), "--out", str(out), "--dry-run", "--only", "method=plain"])
    assert "2 trials and cells, 1 done" in measured.output
    assert "s measured" in measured.output
    before = sorted(out.rglob("*"))
    computed = CliRunner().invoke(app, ["study", str(file), "--out", str(out), "--dry-run", "--only", "method=with LM"])
    assert "s computed" in computed.output
    assert sorted(out.rglob("*")) == before  # not even tokens


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ("method=plan", "--only method=plan: the study has no method plan (did you mean plain?)"),
        ("metod=plain", "--only metod=plain: expected KEY=VALUE, KEY one of data_set, method"),
        ("seed", "--only seed: expected KEY=VALUE"),
        ("seed=7", "--only seed=7: the study has no seed 7"),
    ],
)
def test_a_part_that_there_is_not(file, tmp_path, only, message):
    with pytest.raises(ClickPromptError) as caught:
        run_study(file, tmp_path, SilentProgress(), [only])
    assert message in str(caught.value)


def test_what_fails_is_told_and_the_others_go_on(tiny_study, study_file, tiny_clicks, tmp_path):
    missing = tiny_data_config(tmp_path / "nowhere")
    study = tiny_study(
        data_sets={"lost": {"data": missing}, "clicks": {"data": tiny_data_config(tiny_clicks)}},
        methods={"plain": {"model": "id-only"}},
        seeds=[1],
    )
    file = study_file(tmp_path, study)
    result = CliRunner().invoke(app, ["study", str(file), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "error: 3 trials or cells failed" in result.output
    rows = results(tmp_path / "out" / "studies" / "tiny").filter(pl.col("slice") == "all")
    lost, kept = rows.filter(pl.col("data_set") == "lost"), rows.filter(pl.col("data_set") == "clicks")
    assert set(lost["status"]) == {"failed"}
    assert "clicks.csv" in lost["error"][0]
    assert "no trial has succeeded" in lost["error"][2]
    assert set(kept["status"]) == {"done"}


def test_a_language_model_that_is_not_there_fails_its_own_cells_alone(tiny_study, study_file, tmp_path):
    study = tiny_study(trials=None, seeds=[1])
    study["base"] = {**study["base"], "language_model": {"name": "./nowhere"}}
    file = study_file(tmp_path, study)
    folder, failures = run_study(file, tmp_path / "out", SilentProgress())
    assert failures == 2
    rows = results(folder).filter(pl.col("slice") == "all")
    assert rows.filter(status="done")["method"].to_list() == ["plain"]
    assert all("./nowhere" in error for error in rows.filter(status="failed")["error"])
    shown = CliRunner().invoke(app, ["study", str(file), "--out", str(tmp_path / "out"), "--dry-run"])
    assert shown.exit_code == 0
    assert "3 trials and cells, 1 done" in shown.output
    assert "+ unknown" in shown.output


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory. Tried to"), ClickPromptError("it diverged")])
def test_a_pretraining_that_failed_is_not_tried_again(tiny_study, study_file, tmp_path, monkeypatch, error):
    tried = []

    def pretrain(recipe, *_):
        tried.append(recipe.seed)
        raise error

    monkeypatch.setattr("clickprompt.workflows.study.out.pretrain", pretrain)
    file = study_file(tmp_path, tiny_study(trials=None))
    folder, failures = run_study(file, tmp_path / "out", SilentProgress())
    assert (tried, failures) == ([1, 2], 4)  # two methods share it; each seed has its own
    rows = results(folder).filter(pl.col("slice") == "all")
    assert set(rows.filter(status="done")["method"]) == {"plain"}
    said = "lower hash_rows, micro_batch_size" if isinstance(error, RuntimeError) else "it diverged"
    assert all(said in text for text in rows.filter(status="failed")["error"])


def test_two_studies_never_run_in_one_folder(file, tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ClickPromptError, match="another study is running in this folder"):
            run_study(file, tmp_path, SilentProgress())


def test_a_study_that_is_killed_goes_on_where_it_stopped(finished, file, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "clickprompt", "study", str(file), "--out", str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while len(list(tmp_path.glob("runs/*/steps/[!.]*/step.json"))) < 4:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = steps(tmp_path)
    assert len(before) < len(steps(finished[0]))

    folder, failures = run_study(file, tmp_path, SilentProgress())
    assert failures == 0
    after = steps(tmp_path)
    assert {path: after[path] for path in before} == before
    assert without_seconds(folder).equals(without_seconds(finished[1]))
    assert (folder / "tables.md").read_text() == (finished[1] / "tables.md").read_text()


def test_a_study_hears_signals(file, tmp_path, monkeypatch):
    """Its trainings then end after a checkpoint, as in any run."""

    def stop(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("clickprompt.workflows.study.run_study", stop)
    ended = CliRunner().invoke(app, ["study", str(file), "--out", str(tmp_path)])
    assert ended.exit_code == 143
    assert "run the same command again to go on" in ended.output
