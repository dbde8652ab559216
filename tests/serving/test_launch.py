"""`clickprompt serve` before it serves: settings, token, packages, `--check`."""

from __future__ import annotations

import re
import shutil
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clickprompt.cli import app
from clickprompt.serving import launch as launching
from clickprompt.serving.bearer_token import read_token
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.launch import Launch
from clickprompt.settings import ClickPromptError


def serve(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["serve", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def fails(*arguments: object) -> str:
    lines = serve(*arguments, status=2).splitlines()
    assert len(lines) == 1
    return lines[0]


def test_check_loads_everything_and_names_it(shop_bundle, shop_cache):
    said = serve(shop_bundle, "--check", f"--cache={shop_cache}")
    assert re.fullmatch(r"bundle version 1: 8 fields, loaded in \d+\.\d s\n", said)


def test_check_fails_where_a_version_is_broken(shop_bundle, shop_cache, tmp_path):
    shutil.copytree(shop_bundle, tmp_path / "shop" / "1")
    shutil.copytree(shop_bundle, tmp_path / "shop" / "2")
    (tmp_path / "shop" / "2" / "weights.safetensors").write_bytes(b"broken")
    said = serve(tmp_path, "--check", f"--cache={shop_cache}", status=2)
    assert said.startswith("shop version 1: 8 fields")
    assert "error: " in said
    assert "weights.safetensors" in said


def test_check_says_where_there_is_nothing_to_serve(tmp_path):
    assert fails(tmp_path, "--check").startswith(f"error: {tmp_path}: no bundle in it")


def test_wrong_settings_are_one_line(shop_bundle, tmp_path, monkeypatch):
    assert "no such folder" in fails(tmp_path / "nothing")
    assert "port is 70000" in fails(shop_bundle, "--port=70000")
    assert "max_body_bytes is nan" in fails(shop_bundle, "--max-body-mb=nan")
    assert "threads is 0" in fails(shop_bundle, "--threads=0")
    assert "log_level is 'loud'" in fails(shop_bundle, "--log-level=loud")
    assert "the token cannot be read" in fails(shop_bundle, f"--token-file={tmp_path / 'token'}")
    monkeypatch.setenv("CLICKPROMPT_TOKEN", "two words")
    assert "CLICKPROMPT_TOKEN: a token has" in fails(shop_bundle)


def test_missing_packages_are_named(shop_bundle, monkeypatch):
    monkeypatch.setattr(launching, "find_spec", lambda name: None if name == "fastapi" else PathFinder.find_spec(name))
    assert fails(shop_bundle) == "error: serving needs fastapi; pip install 'clickprompt[serve]'"


def test_a_token_comes_from_its_file_before_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text(" from-file \n")
    assert read_token(file, {"CLICKPROMPT_TOKEN": "other"}) == "from-file"
    assert read_token(None, {"CLICKPROMPT_TOKEN": "other"}) == "other"
    assert read_token(None, {}) is None
    for wrong in ("", " ", "a b", "ä", "a\nb"):
        file.write_text(wrong)
        with pytest.raises(ClickPromptError, match="token"):
            read_token(file, {})


def test_what_the_supervisor_is_told_has_all_settings_but_no_token(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("hush")
    config = ServingConfig(port=0, cache=tmp_path, threads=2, drain_seconds=0)
    launch = Launch(Path("models"), config, file)
    again = Launch.of_text(launch.text)
    assert again == launch
    assert "hush" not in launch.text
    assert again.with_token().token.get_secret_value() == "hush"
    assert "hush" not in repr(again.with_token())
