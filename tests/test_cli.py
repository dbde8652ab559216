"""The commands as a new user meets them, wrong input first of all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from clickprompt.cli import app
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks


def call(*arguments: object, status: int = 0) -> str:
    """Run a command; its standard output and error together."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == status, result.output
    return result.output


def fails(*arguments: object) -> str:
    """The one line a refused command says."""
    lines = [line for line in call(*arguments, status=2).splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    return write_tiny_clicks(tmp_path / "data", rows=200)


@pytest.fixture
def recipe(tmp_path: Path, clicks: Path) -> Path:
    """A recipe for the ID model alone."""
    content = {
        "data": tiny_data_config(clicks.parent),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": None,
        "method": {"kind": "id-only"},
        "finetune": {"epochs": 1},
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def trained(recipe: Path, tmp_path: Path) -> Path:
    """Folder of a finished run."""
    call("run", recipe, "--out", tmp_path / "run")
    return tmp_path / "run"


def test_help_loads_no_library_that_is_slow_to_load():
    code = (
        "import sys; from typer.testing import CliRunner; from clickprompt.cli import app;"
        "r = CliRunner().invoke(app, ['--help']); assert r.exit_code == 0, r.output; assert 'pretrain' in r.output;"
        "slow = {'torch', 'transformers', 'polars', 'pyarrow', 'numpy', 'pydantic', 'matplotlib'} & set(sys.modules);"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_id_models_need_no_transformers():
    code = "import sys, clickprompt.workflows, clickprompt.bundle; assert 'transformers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "command",
    [
        "prepare",
        "pretrain",
        "finetune",
        "evaluate",
        "run",
        "predict",
        "update",
        "export",
        "serve",
        "show",
        "list",
        "data",
    ],
)
def test_every_command_has_help(command):
    assert "Usage" in call(command, "--help")


def test_version():
    from clickprompt import __version__

    assert call("--version").strip() == __version__


def test_steps_one_by_one_are_a_run(recipe, tmp_path, trained):
    out = tmp_path / "steps"
    for command in ("prepare", "finetune", "evaluate"):
        call(command, recipe, "--out", out)
    keys = ("auc", "log_loss", "rows")
    import json

    one, other = (json.loads((folder / "metrics.json").read_text())[0] for folder in (out, trained))
    assert [one[key] for key in keys] == [other[key] for key in keys]


def test_predict_writes_probabilities_beside_the_rows(trained, clicks, tmp_path):
    said = call("predict", trained / "bundles" / "id-only", clicks, "--out", tmp_path / "scored.parquet")
    assert "200 rows scored" in said
    scored = pl.read_parquet(tmp_path / "scored.parquet")
    assert scored.columns[-1] == "probability"
    assert scored["probability"].dtype == pl.Float32
    assert scored["probability"].is_between(0, 1).all()
    call("predict", trained / "bundles" / "id-only", tmp_path / "scored.parquet", "--out", tmp_path / "x.csv", status=2)


def test_predict_reports_unseen_values_and_missing_columns(trained, tmp_path):
    rows = tmp_path / "new.csv"
    rows.write_text("user,item,title\nu1,i1,golden lamp 1\nnobody,i1,golden lamp 1\n")
    said = call("predict", trained / "bundles" / "id-only", rows, "--out", tmp_path / "out.csv")
    assert "column 'price' is missing" in said
    assert "user: 1 rows (50.0%) hold a value not seen in training" in said
    assert pl.read_csv(tmp_path / "out.csv").columns == ["user", "item", "title", "probability"]


def test_show_and_list(trained, recipe):
    assert "embedding rows" in call("show", trained / "bundles" / "id-only")
    assert "positive" in call("show", trained / "prepared")
    assert "embedding_std" in call("show", recipe)
    assert "dcn-v2" in call("list", "ctr-models")
    assert "clickprompt" in call("list", "methods")
    assert "movielens-1m" in call("list", "sources")
    assert "minilm" in call("list", "language-models")
    assert "lora" in call("list", "tunings")
    assert "did you mean ctr-models?" in fails("list", "ctr-model")


def edit(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line] = text
    path.write_text("\n".join(lines) + "\n")


def test_wrong_recipes(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the default folder of a run is below where one stands
    assert "pretrain.epoch is not a setting of pretrain (did you mean epochs?)" in fails(
        "run", recipe, "--set", "pretrain.epoch=1"
    )
    assert "ctr_model.kind: unknown 'dcn-v3' (did you mean" in fails("run", recipe, "--set", "ctr_model.kind=dcn-v3")
    assert "no such recipe" in fails("run", tmp_path / "none.yaml")
    prompts = "method={kind: clickprompt, prompt: {length: 0}}"
    assert "method.prompt.length is 0; input should be greater than 0" in fails("run", recipe, "--set", prompts)
    missing = fails("run", recipe, "--set", "method.kind=clickprompt", "--set", "language_model={name: ./nowhere}")
    assert "nowhere" in missing


def test_wrong_tables(recipe, clicks, tmp_path):
    def prepared(*more: str) -> str:
        return fails("prepare", recipe, "--out", tmp_path / "out", *more)

    assert "nowhere.csv" in prepared("--set", f"data.source.path={tmp_path}/nowhere.csv")
    assert "did you mean clicked?" in prepared("--set", "data.source.label=clicke")
    original = clicks.read_text()
    cells = original.splitlines()[5].split(",")

    edit(clicks, 5, ",".join([*cells[:-1], "maybe"]))
    assert 'row 5: label is "maybe"; expected 0 or 1' in prepared()
    clicks.write_text(original)
    edit(clicks, 5, ",".join(cells[:-1]))
    assert "line 6" in prepared()
    clicks.write_bytes(original.encode().replace(b"Oslo", b"Troms\xf8", 1))
    assert "encoding: latin-1" in prepared()
    clicks.write_text(original)
    clicks.write_text("\n".join(line if n == 0 else line[:-1] + "1" for n, line in enumerate(original.splitlines())))
    assert "all 160 labels of the train split are 1; both classes are needed" in prepared()
    clicks.write_text("\n".join(original.splitlines()[:3]) + "\n")
    assert "the train split is empty; change data.split.ratios" in prepared()
    clicks.write_text(original.splitlines()[0] + "\n")
    assert "clicks.csv: the file has no rows" in prepared()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_changed_byte_in_prepared_folder_or_bundle(recipe, trained, clicks):
    flip(trained / "bundles" / "id-only" / "weights.safetensors")
    assert "weights.safetensors: changed since it was written" in fails(
        "predict", trained / "bundles" / "id-only", clicks
    )
    flip(trained / "prepared" / "train.value_ids.npy")
    assert "train.value_ids.npy: changed since it was written" in fails("run", recipe, "--out", trained)


def test_no_write_permission(recipe, clicks, tmp_path):
    call("prepare", recipe, "--out", tmp_path / "first")  # everything is imported now
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    user = os.geteuid()
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == user and str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    try:
        if user == 0:
            os.seteuid(65534)  # root may write anywhere; nobody may not
        message = fails("prepare", recipe, "--out", closed / "run")
    finally:
        os.seteuid(user)
    assert "no permission; choose another place" in message


def test_no_space_left(recipe, clicks, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        message = fails("prepare", recipe, "--out", disk / "run")
        left = [path for path in disk.rglob("*") if path.is_file() and path.name not in ("recipe.yaml", ".lock")]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert "no space left on the disk; free some or choose another place" in message
    assert left == []


def test_output_of_another_kind(trained, clicks):
    assert "written as .parquet or .csv" in fails(
        "predict", trained / "bundles" / "id-only", clicks, "--out", "scored.xlsx"
    )
    assert "would replace the rows themselves" in fails(
        "predict",
        trained / "bundles" / "id-only",
        clicks.rename(clicks.with_suffix(".parquet")),
        "--out",
        clicks.with_suffix(".parquet"),
    )


def test_out_is_never_a_folder_of_something_else(recipe, clicks):
    assert "holds something else than a run" in fails("run", recipe, "--out", clicks.parent)
    assert "this is a file" in fails("run", recipe, "--out", clicks)


def test_a_failed_run_leaves_the_recipe_of_the_last_good_one(recipe, trained):
    before = (trained / "recipe.yaml").read_text()
    fails("run", recipe, "--out", trained, "--set", "data.source.label=nothing")
    assert (trained / "recipe.yaml").read_text() == before


def test_show_something_that_is_not_there(tmp_path):
    assert "no such file or folder" in fails("show", tmp_path / "nothing")


def test_memory_that_is_not_there(recipe, tmp_path):
    message = fails("run", recipe, "--out", tmp_path / "big", "--set", "ctr_model.embedding_dim=100000000000")
    assert "out of memory; lower hash_rows, micro_batch_size, batch_size or ctr_model.embedding_dim" in message


def test_evaluate_prints_slices_where_asked(trained, recipe):
    out = ("--out", trained)
    assert "cold any field" not in call("evaluate", recipe, *out)
    printed = call("evaluate", recipe, *out, "--slices")
    (record,) = json.loads((trained / "metrics.json").read_text())
    for part in record["slices"]:
        (line,) = [line for line in printed.splitlines() if line.strip(" │").startswith(part["name"])]
        cells = [cell.strip() for cell in line.strip("│").split("│")][1:]
        shown = ["–" if part[name] is None else f"{part[name]:.4f}" for name in ("auc", "log_loss")]
        assert cells == [f"{part['rows']:,}", f"{part['positives']:,}", *shown]
