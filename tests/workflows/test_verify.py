"""`clickprompt data verify` over a hand-made release with known counts."""

import json

import pytest
from typer.testing import CliRunner

from clickprompt.cli import app
from clickprompt.table.sources import movielens_1m
from clickprompt.table.sources.base import PublishedCounts

USERS = "1::M::1::0::01234\n2::F::25::1::98765\n3::F::25::2::98765\n"  # nobody knows of the third
MOVIES = "1::Toy Story (1995)::Animation|Comedy\n2::Heat (1995)::Action\n3::Alone (1996)::Action\n"
FIELDS = {"User ID": 3, "Gender": 2, "Age": 2, "Occupation": 3, "Zipcode": 2, "Movie ID": 3, "Movie title": 3, "Movie genre": 2}  # fmt: skip # noqa: E501
ROWS = 48  # of 60 ratings that are all different, those that are not 3


@pytest.fixture
def recipe(tmp_path):
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    ratings = [f"{1 + i % 2}::{1 + i // 2 % 2}::{1 + i * 7 % 5}::{1000 + i}\n" for i in range(60)]
    for name, text in (("ratings", "".join(ratings)), ("users", USERS), ("movies", MOVIES)):
        (folder / f"{name}.dat").write_text(text)
    path = tmp_path / "mine.yaml"
    path.write_text(f"data:\n  source: {{kind: movielens-1m, path: {folder}}}\n  negatives: {{keep: 0.5}}\n")
    return path


def verify(recipe, status, *arguments):
    out = recipe.parent / "verified"
    command = ["data", "verify", str(recipe), "--out", str(out), *map(str, arguments)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == status, result.output
    return result.output


def publish(monkeypatch, rows=ROWS, fields=FIELDS, note=""):
    counts = PublishedCounts(rows, sum(fields.values()), fields, "a paper", note)
    monkeypatch.setattr(movielens_1m, "MOVIELENS_1M", counts)


def test_all_counts_agree(recipe, monkeypatch, tmp_path):
    publish(monkeypatch)
    told = verify(recipe, 0, "--json", tmp_path / "found.json")
    assert "movielens-1m beside a paper" in told
    assert "all 10 published counts agree" in told
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["passed"]
    expected = {"rows": ROWS, "features": 20, **FIELDS}
    assert {of["name"]: of["found"] for of in found["counts"]} == expected
    assert "Preparing" not in verify(recipe, 0)  # what is prepared is used again


def test_other_counts_fail_unless_they_are_expected(recipe, monkeypatch, tmp_path):
    publish(monkeypatch, fields=FIELDS | {"Zipcode": 3})
    told = verify(recipe, 1, "--json", tmp_path / "found.json")
    assert "2 of 10 published counts do not agree; are the files the official ones?" in told
    wrong = [of["name"] for of in json.loads((tmp_path / "found.json").read_text())["counts"] if not of["agrees"]]
    assert wrong == ["features", "Zipcode"]
    publish(monkeypatch, rows=99, note="its rule is not known")
    assert "1 of 10 published counts do not agree, which is no failure: its rule is not known" in verify(recipe, 0)


def test_counts_that_were_not_printed_are_shown_alone(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr(movielens_1m, "MOVIELENS_1M", PublishedCounts(ROWS, 20, {}, "a paper"))
    assert "all 2 published counts agree" in verify(recipe, 0, "--json", tmp_path / "found.json")
    counts = json.loads((tmp_path / "found.json").read_text())["counts"]
    assert [of["agrees"] for of in counts] == [True, True, *[None] * 8]


def test_settings_that_nothing_is_published_of(recipe):
    told = verify(recipe, 2, "--set", "data.source.neutral=negative")
    assert "data.source: nothing is published of movielens-1m with these settings; see docs/data.md" in told
