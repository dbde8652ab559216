"""Bad input gives one line: the file as the user wrote it, the place, what to do."""

import re
from pathlib import Path

import polars as pl
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import read_rows

HEADER = "user,price,label,weight,when\n"
GOOD = "".join(f"u{i % 3},{i},{i % 2},1,{i}\n" for i in range(40))


def source(path, **more):
    fields = [{"name": "user", "side": "user"}, {"name": "price", "kind": "numeric"}]
    used = {"label": "label", "weight": "weight", "timestamp": "when"}
    return {"source": {"kind": "files", "path": str(path), "fields": fields, **used, **more}}


CASES = {
    "too few cells": (GOOD + "u1,2,1\n", {}, "clicks.csv, line 42: too few cells, 3 where the table has 5 columns"),
    "too many cells": (GOOD + "u1,2,1,1,9,9\n" + GOOD, {}, "clicks.csv, line 42: too many cells, 6 where"),
    "after a quoted newline": ('"a\nb",1,1,1,1\nu1\n', {}, "clicks.csv, line 4: too few cells, 1 where"),
    "open quote": (GOOD + '"u1,2,1,1,1\n' + GOOD, {}, "clicks.csv, line 42: unexpected end of data"),
    "label": (
        GOOD + "u1,2,maybe,1,1\n",
        {},
        'clicks.csv, row 41: label is "maybe"; expected 0 or 1, or set data.source.',
    ),
    "label of ratings": (GOOD + "u1,2,4,1,1\n", {}, 'clicks.csv, row 41: label is "4"; expected 0 or 1, or set'),
    "no label": (GOOD + "u1,2,,1,1\n", {}, "clicks.csv, row 41: label is missing; every row needs a label"),
    "label under a threshold": (
        GOOD + "u1,2,high,1,1\n",
        {"label": {"column": "label", "threshold": 3}},
        'clicks.csv, row 41: label is "high"; expected a number',
    ),
    "negative weight": (
        GOOD + "u1,2,1,-1,1\n",
        {},
        'clicks.csv, row 41: weight is "-1"; expected a weight of zero or more',
    ),
    "no weight": (GOOD + "u1,2,1,,1\n", {}, "clicks.csv, row 41: weight is missing; expected a weight"),
    "number": (GOOD + "u1,cheap,1,1,1\n", {}, 'clicks.csv, row 41: price is "cheap"; expected a number'),
    "infinite": (GOOD + "u1,1e999,1,1,1\n", {}, 'clicks.csv, row 41: price is "1e999"; expected a finite number'),
    "time": (GOOD + "u1,2,1,1,soon\n", {}, 'clicks.csv, row 41: when is "soon"; expected a number'),
    "no time": (GOOD + "u1,2,1,1,\n", {}, "clicks.csv, row 41: when is missing; expected a number"),
    "column": (GOOD, {"weight": "weihgt"}, "clicks.csv: no column 'weihgt' for the weight (did you mean weight?)"),
    "no rows": ("", {}, "clicks.csv: the file has no rows"),
    "few rows": ("u,1,1,1,1\nu,1,0,1,2\n", {}, "data.split: the train split is empty"),
    "one class": (GOOD + "u,1,1,1,99\n" * 40, {}, "data.split: all 8 labels of the validation split are 1"),
}


@pytest.mark.parametrize(("rows", "more", "message"), CASES.values(), ids=CASES)
def test_csv(rows, more, message, tmp_path, prepare, monkeypatch):
    (tmp_path / "clicks.csv").write_text(HEADER + rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if "99\n" in rows:  # rows that differ, so that they are no duplicates
        rows = "".join(f"{line.rpartition(',')[0]},{i}\n" for i, line in enumerate(rows.splitlines()))
        (tmp_path / "clicks.csv").write_text(HEADER + rows, encoding="utf-8")
    refused(message, lambda: prepare(source("clicks.csv", **more)))
    assert not (tmp_path / "prepared").exists()


def refused(message, action):
    with pytest.raises(ClickPromptError, match=re.escape(message)) as caught:
        action()
    assert str(caught.value).startswith(message[:12])
    assert "\n" not in str(caught.value)


def test_the_row_counts_within_its_own_file(tmp_path, prepare, monkeypatch):
    (tmp_path / "a.csv").write_text(HEADER + GOOD)
    (tmp_path / "b.csv").write_text(HEADER + "u1,1,1,1,1\nu1,1,2,1,1\n")
    monkeypatch.chdir(tmp_path)
    refused('b.csv, row 2: label is "2"', lambda: prepare(source("*.csv")))


def test_large_rows_have_thousands_marks(tmp_path, prepare, monkeypatch):
    frame = pl.DataFrame(
        {"user": "u", "price": 1.0, "label": ["1"] * 4811 + ["maybe"], "weight": 1, "when": range(4812)}
    )
    frame.write_parquet(tmp_path / "clicks.parquet")
    monkeypatch.chdir(tmp_path)
    message = 'clicks.parquet, row 4,812: label is "maybe"; expected 0 or 1, or set data.source.label.threshold'
    refused(message, lambda: prepare(source("clicks.parquet")))


def test_encodings(tmp_path, prepare, monkeypatch):
    (tmp_path / "clicks.csv").write_bytes((HEADER + GOOD + "Zoë,1,1,1,1\n").encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    message = (
        "clicks.csv, line 42: byte 0xeb is not utf-8 text; set the encoding of the file, such as encoding: latin-1"
    )
    refused(message, lambda: prepare(source("clicks.csv")))
    prepare(source("clicks.csv", encoding="latin-1"))
    (tmp_path / "head.csv").write_bytes("naïve,b\n1,2\n".encode("latin-1"))
    refused("head.csv, line 1: byte 0xef", lambda: prepare(source("head.csv")))


def test_no_such_files(tmp_path, prepare, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused("none.csv: no such file", lambda: prepare(source("none.csv")))
    refused("none-*.csv: no file matches", lambda: prepare(source("none-*.csv")))
    refused(f"{tmp_path}: this is a folder", lambda: prepare(source(tmp_path)))
    (tmp_path / "empty.csv").touch()
    refused("empty.csv: the file is empty", lambda: prepare(source("empty.csv")))
    (tmp_path / "twice.csv").write_text("a,b,a\n1,2,3\n")
    refused("twice.csv, line 1: column 'a' is named twice", lambda: prepare(source("twice.csv")))


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_files_that_are_another_format(ending, tmp_path, prepare, monkeypatch):
    (tmp_path / f"clicks.{ending}").write_text(HEADER + GOOD)
    monkeypatch.chdir(tmp_path)
    refused(f"clicks.{ending}: not a", lambda: prepare(source(f"clicks.{ending}")))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"user": "u"', "clicks.jsonl, line 3: not JSON"),
        ("[1, 2]", "clicks.jsonl, line 3: a list; expected an object"),
        ("7", "clicks.jsonl, line 3: a number; expected an object"),
        ('{"user": true}', "clicks.jsonl, line 3: user is a truth value here and a number in line 1"),
    ],
)
def test_json_lines(line, message, tmp_path, prepare, monkeypatch):
    (tmp_path / "clicks.jsonl").write_text('{"user": 1, "label": 1}\n{"user": 2}\n' + line + "\n")
    monkeypatch.chdir(tmp_path)
    refused(message, lambda: prepare(source("clicks.jsonl")))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (['["Drama"]', '"Drama"'], "line 2: g is a text here and a list in line 1; give it one type"),
        (['"[Drama]"', "null", '["Drama"]'], "line 3: g is a list here and a text in line 1; give it one type"),
        (['{"a": 1}', '"Drama"'], "line 2: g is a text here and an object in line 1; give it one type"),
        (["[[1]]", "[2]"], "line 2: an item of g is a number here and a list in line 1; give it one type"),
        (['["a"]', '[["b"]]'], "line 2: an item of g is a list here and a text in line 1; give it one type"),
        (["[[1]]", '[{"a": 2}]'], "line 2: an item of g is an object here and a list in line 1; give it one type"),
    ],
)
def test_json_lines_of_lists_and_others(values, message, tmp_path, prepare, monkeypatch):
    lines = "".join(f'{{"user": 1, "g": {value}}}\n' for value in values)
    (tmp_path / "clicks.jsonl").write_text(lines)
    monkeypatch.chdir(tmp_path)
    refused(f"clicks.jsonl, {message}", lambda: prepare(source("clicks.jsonl")))
    refused(f"clicks.jsonl, {message}", lambda: read_rows(Path("clicks.jsonl")))


def test_json_lines_may_hold_brackets_and_items_of_two_types(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"g": "[a]", "h": ["[b", null], "n": 1}\n{"g": "b", "h": [], "n": 1.5}\n')
    frame = read_rows(tmp_path / "a.jsonl")
    assert frame.rows() == [("[a]", ["[b", None], 1.0), ("b", [], 1.5)]


def test_a_mapping_is_no_value(tmp_path, prepare, monkeypatch):
    frame = pl.DataFrame({"user": [{"a": 1}], "price": [1.0], "label": [1], "weight": [1], "when": [1]})
    frame.write_parquet(tmp_path / "a.parquet")
    monkeypatch.chdir(tmp_path)
    refused("a.parquet, row 1: user is a mapping; expected", lambda: prepare(source("a.parquet")))
