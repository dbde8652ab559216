"""What the pages show is what the library does."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from clickprompt.cli import app
from clickprompt.workflows import RunFolder, SilentProgress, load_recipe, parse_recipe, run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_guides_recipe_is_a_recipe():
    (recipe,) = [block for block in blocks(ROOT / "docs" / "guide.md", "yaml") if "data:" in block]
    parsed = parse_recipe(yaml.safe_load(recipe))
    assert parsed.data.source.kind == "files"
    assert parsed.data.source.label.threshold == 4


def test_the_guides_other_settings_fit_into_its_recipe():
    whole, *others = (yaml.safe_load(block) for block in blocks(ROOT / "docs" / "guide.md", "yaml"))
    calibration = next(block for block in others if "finetune" in block)
    recipe = parse_recipe({**whole, **calibration})
    assert recipe.finetune.calibration == "isotonic"
    assert recipe.finetune_with_language_model.calibration == "platt"
    (fields,) = (block["fields"] for block in others if "score_as" in str(block))
    whole["data"]["source"]["fields"] += [field for field in fields if field["name"] == "Position"]
    assert parse_recipe(whole).data.source.fields[-1].score_as == 1


def test_the_guides_language_models_fit_into_its_recipe():
    whole, *others = (yaml.safe_load(block) for block in blocks(ROOT / "docs" / "guide.md", "yaml"))
    (tuned,) = (block["language_model"] for block in others if "tuning" in str(block))
    language_model = parse_recipe({**whole, "language_model": tuned}).language_model
    assert (language_model.tuning.kind, language_model.tuning.rank) == ("lora", 8)
    assert language_model.activation_checkpointing


def test_the_guides_lists_fit_into_its_recipe():
    whole, *others = (yaml.safe_load(block) for block in blocks(ROOT / "docs" / "guide.md", "yaml"))
    (fields,) = (block["fields"] for block in others if "hash_rows" in str(block))
    whole["data"]["source"]["fields"] += fields
    genre, films, device = parse_recipe(whole).data.source.fields[-3:]
    assert (genre.separator, genre.pooling, films.keep, films.pooling) == ("|", "mean", "last", "attention")
    assert device.hash_rows == 10_000


def test_python_that_uses_a_bundle_runs(tiny_recipe, tmp_path, monkeypatch):
    tiny_recipe |= {"models": ["clickprompt-without-lm"]}
    run(parse_recipe(tiny_recipe), RunFolder(tmp_path / "runs" / "quickstart"), SilentProgress())
    pl.DataFrame({"user": ["1", "2"]}).write_parquet(tmp_path / "candidates.parquet")
    monkeypatch.chdir(tmp_path)
    examples = [block for page in PAGES for block in blocks(page, "python") if "Predictor.load" in block]
    assert len(examples) == 2
    for example in examples:
        example = example.replace("User ID", "user")  # the tiny table's name for it
        exec(compile(example, "docs", "exec", dont_inherit=True), {})


def test_shipped_recipes_that_pages_name_exist():
    named = {name for page in PAGES for name in re.findall(r"recipes/[\w/.-]+\.yaml", page.read_text())}
    assert named
    for name in named:
        load_recipe(ROOT / name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_commands_are_real(page):
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    known = {command.name or command.callback.__name__.strip("_") for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    for shown in re.findall(r"^(?:\$ |#\s+|\| `)?clickprompt ([a-z]+)", text, re.MULTILINE):
        assert shown in known, shown
