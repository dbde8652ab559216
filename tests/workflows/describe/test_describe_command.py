"""`clickprompt data describe` as one types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from clickprompt.cli import app
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_tiny_clicks(tmp_path / "data", rows=200)
    content = {"data": tiny_data_config(tmp_path / "data"), "method": "id-only", "language_model": None}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "mine.yaml"


def call(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["data", "describe", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def test_it_prepares_prints_and_writes(recipe, tmp_path):
    html, out = tmp_path / "new" / "data.html", tmp_path / "data.json"
    said = call(recipe, "--out", tmp_path / "run", "--html", html, "--json", out)
    content = json.loads(out.read_text())
    assert f"{content['splits'][0]['positives']:,}" in said
    assert said.count("written: ") == 2
    assert "<h1>Data of files</h1>" in html.read_text()
    (tmp_path / "data" / "clicks.csv").unlink()
    assert "used as it is" in call(recipe, "--out", tmp_path / "run", "--json", tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == content


def test_what_is_refused(recipe, tmp_path):
    assert "error: " in call(tmp_path / "nowhere.yaml", "--out", tmp_path / "run", status=2)
    said = call(recipe, "--out", tmp_path / "run", "--html", tmp_path / "data", status=2)
    assert said == f"error: --html {tmp_path / 'data'}: this is a folder; name a file\n"
