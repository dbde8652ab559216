"""Rows that cannot be used: all of them found, counted, left out and put aside; too many are an error."""

import json
import re

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from clickprompt.cli import app
from clickprompt.settings import ClickPromptError
from clickprompt.table import DataConfig, PreparedTable, inputs_fingerprint, left_out
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.sources.delimited import read_delimited
from clickprompt.table.sources.json_lines import read_json_lines
from clickprompt.workflows.data import Data
from clickprompt.workflows.report import ReportData, render_report
from clickprompt.workflows.report_data import summary
from clickprompt.workflows.show import show

HEADER = "user,price,label,weight,when\n"
GOOD = [f"u{i % 3},{i},{i % 2},1,{i}" for i in range(60)]


def source(path, policy, **more):
    fields = [{"name": "user", "side": "user"}, {"name": "price", "kind": "numeric"}]
    used = {"label": "label", "weight": "weight", "timestamp": "when"}
    return {
        "source": {"kind": "files", "path": str(path), "fields": fields, **used},
        "on_bad_row": policy,
        "max_bad_share": 0.2,
        **more,
    }


BAD = {  # place in the file → line, column, what is said
    0: ("u1,2,maybe,1,1", "label", 'label is "maybe"; expected 0 or 1'),
    7: ("u1,2,1", None, "too few cells, 3 where the table has 5 columns"),
    20: ("u1,2,1,-3,1", "weight", 'weight is "-3"; expected a weight of zero or more'),
    21: ("u1,2,1,1,soon", "when", 'when is "soon"; expected a number'),
    40: ("u1,cheap,1,1,1", "price", 'price is "cheap"; expected a number'),
    41: ('"u1,2,1,1,1', None, "is a quote left open?"),
    50: ("u\udcff,2,1,1,1", None, "byte 0xff is not text"),
    55: ("u1,2,,1,1", "label", "label is missing; every row needs a label"),
    66: ("u1,2,1,1,1,1,1", None, "too many cells, 7 where"),
}


def write_bad(path):
    lines, good = [], iter(GOOD)
    for place in range(len(GOOD) + len(BAD)):
        lines.append(BAD[place][0] if place in BAD else next(good))
    path.write_bytes((HEADER + "\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))


def same_arrays(one: PreparedTable, other: PreparedTable):
    arrays = [name for name in one.manifest["files"] if name != "manifest.json"]
    assert {name: one.manifest["files"][name] for name in arrays} == other.manifest["files"]


@pytest.mark.parametrize("policy", ["skip", "quarantine"])
def test_what_is_left_is_as_if_the_bad_rows_had_never_been(policy, tmp_path, prepare, progress):
    write_bad(tmp_path / "clicks.csv")
    (tmp_path / "good.csv").write_text(HEADER + "\n".join(GOOD) + "\n")
    table = prepare(source(tmp_path / "clicks.csv", policy))
    same_arrays(table, prepare(source(tmp_path / "good.csv", "error"), "other"))
    counts = table.manifest["bad_rows"]
    assert (counts["rows"], counts["of"]) == (9, 69)
    assert counts["by_column"] == {"unreadable lines": 4, "label": 2, "weight": 1, "when": 1, "price": 1}
    assert any(line.startswith("bad rows: 9 of 69 rows left out (unreadable lines 4, ") for line in progress.said)
    assert re.search(r"\nbad rows +9 of 69 rows left out", show(tmp_path / "prepared"))
    aside = tmp_path / "prepared.quarantine" / "rows.jsonl"
    assert aside.exists() == (policy == "quarantine")
    if policy == "quarantine":
        rows = {row["row"] - 1: row for row in map(json.loads, aside.read_text().splitlines())}
        assert rows.keys() == BAD.keys()
        for place, (line, column, reason) in BAD.items():
            row = rows[place]
            assert row["file"] == str(tmp_path / "clicks.csv")
            assert row["line"] == (place + 2 if column is None else None)
            assert row["column"] == column
            assert reason in row["reason"]
            if column is None:
                assert row["content"] == line.replace("\udcff", "\\xff")
            else:
                assert list(json.loads(row["content"]).values()) == line.split(",")


def test_more_than_the_cap_is_an_error_that_counts_and_quotes(tmp_path, prepare):
    write_bad(tmp_path / "clicks.csv")
    data = source(tmp_path / "clicks.csv", "quarantine", max_bad_share=0.1)
    with pytest.raises(ClickPromptError, match=r" of 69 rows cannot be used, .* allows 10\.00%") as caught:
        prepare(data)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "prepared").exists()


def test_the_cap_counts_every_bad_row(tmp_path, prepare):
    rows = ["u1,2,maybe,1,1"] * 31 + GOOD
    (tmp_path / "clicks.csv").write_text(HEADER + "\n".join(rows) + "\n")
    message = (
        f"31 of 91 rows cannot be used, 34.07% where data.max_bad_share allows 20.00%: {tmp_path}/clicks.csv, row 1: "
        'label is "maybe"; expected 0 or 1'
    )
    with pytest.raises(ClickPromptError, match=re.escape(message)):
        prepare(source(tmp_path / "clicks.csv", "skip"))


def test_an_error_says_how_many_more_there_are(tmp_path, prepare):
    (tmp_path / "clicks.csv").write_text(HEADER + "\n".join([*GOOD, "u,1,x,1,1", "u,1,y,1,1", "u,1,x,1,1"]) + "\n")
    with pytest.raises(ClickPromptError, match=r'row 61: label is "x"; .* \(2 more rows are refused\)$'):
        prepare(source(tmp_path / "clicks.csv", "error"))


def test_clean_data_says_nothing_and_default_settings_do_not_count(tmp_path, prepare, progress):
    (tmp_path / "clicks.csv").write_text(HEADER + "\n".join(GOOD) + "\n")
    table = prepare(source(tmp_path / "clicks.csv", "quarantine"))
    assert left_out(table.manifest) == []
    assert not (tmp_path / "prepared.quarantine").exists()
    assert not any("bad rows" in line for line in progress.said)
    plain = DataConfig.model_validate(source(tmp_path / "clicks.csv", "error"))
    other = plain.model_copy(update={"max_bad_share": 0.5})
    assert inputs_fingerprint(plain) == inputs_fingerprint(other) != table.fingerprint


def test_given_splits_lose_their_own_rows(tmp_path, prepare):
    paths = {}
    for place, name in enumerate(("train", "validation", "test")):
        paths[name] = str(tmp_path / f"{name}.csv")
        bad = [["u1,2,maybe,1,1", "u1,2,1"], ["u1,x,1,1,1", "u1"], ["u1,2,1,-3,1"] * 2][place]
        (tmp_path / f"{name}.csv").write_text(HEADER + "\n".join([*GOOD[:20], *bad, *GOOD[20:]]) + "\n")
    data = source("", "quarantine")
    del data["source"]["path"]
    data["source"] |= paths
    table = prepare(data)
    assert [len(table.split(name)) for name in paths] == [60, 60, 60]
    aside = (tmp_path / "prepared.quarantine" / "rows.jsonl").read_text().splitlines()
    found = sorted((row["file"].rpartition("/")[2], row["row"]) for row in map(json.loads, aside))
    assert found == [(f"{name}.csv", row) for name in sorted(paths) for row in (21, 22)]


def test_times_among_dates_go_by_what_most_rows_have(tmp_path, prepare):
    dates = [f"u{i % 3},{i},{i % 2},1,2024-01-01T00:00:{i % 60:02}" for i in range(60)]
    (tmp_path / "clicks.csv").write_text(HEADER + "\n".join([*dates, "u1,2,1,1,17"]) + "\n")
    table = prepare(source(tmp_path / "clicks.csv", "skip"))
    assert table.manifest["bad_rows"]["by_column"] == {"when": 1}


def test_json_lines(tmp_path):
    lines = ['{"g": ["a"], "n": 1}'] * 5
    bad = {
        1: '{"g": "a", "n": 1}',
        3: "{",
        4: "[1]",
        6: '{"g": ["a", ["b"]], "n": 1}',
        8: '{"g": ["\udce9"]}',
        9: '{"n": NaN}',
    }
    for place, line in bad.items():
        lines.insert(place, line)
    path = tmp_path / "clicks.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape") + b"\n")
    found = BadRows("quarantine", 1)
    frame = read_json_lines(path, "clicks.jsonl", bad=found)
    assert frame.rows() == [(["a"], 1)] * 5
    assert [bad.row - 1 for bad in found.rows] == list(bad)
    assert str(found.rows[0]) == "clicks.jsonl, line 2: g is a text here and a list in most lines"
    assert found.rows[4].content == '{"g": ["\\xe9"]}'
    assert found.numbers("clicks.jsonl", 5).tolist() == [1, 3, 6, 8, 11]


def test_an_open_quote_costs_its_own_line(tmp_path):
    good = [f'{i},"two\nlines"' for i in range(3000)]
    (tmp_path / "a.csv").write_text("n,text\n" + "\n".join([good[0], '1,"open', *good[1:], '"last']) + "\n")
    found = BadRows("skip", 1)
    frame = read_delimited(tmp_path / "a.csv", "a.csv", separator=",", bad=found)
    assert frame.height in (2999, 3000)  # the lines of the record that the quote ran into cannot be told apart
    assert frame["n"].to_list()[-1] == "2999"
    assert len(found.rows) <= 4
    with pytest.raises(ClickPromptError, match=r"a\.csv, line"):
        read_delimited(tmp_path / "a.csv", "a.csv", separator=",")


def test_the_slow_way_reads_what_the_fast_way_reads(tmp_path):
    cells = pl.DataFrame({"a": ["", 'say "x"', "é\r\nü", "7,5"], "b": ["1", "", " 2 ", "NULL"]})
    cells.write_csv(tmp_path / "good.csv")
    (tmp_path / "bad.csv").write_bytes((tmp_path / "good.csv").read_bytes() + b"\n\nx\n")
    found = BadRows("skip", 1)
    frame = read_delimited(tmp_path / "bad.csv", "bad.csv", separator=",", bad=found)
    assert frame.equals(read_delimited(tmp_path / "good.csv", "good.csv", separator=","))
    assert frame.equals(cells)
    assert [(bad.row, bad.reason[:13]) for bad in found.rows] == [(5, "too few cells")]


def test_ratings_of_movielens(tmp_path, prepare):
    random = np.random.default_rng(0)
    ratings = [f"{u}::{m}::{r}::{t}" for t, (u, m, r) in enumerate(random.integers((1, 1, 1), (5, 5, 6), (80, 3)))]
    bad = ["1::1::9::5", "1::1::4::soon", "7::1::4::5", "1::7::4::5", "1::1"]
    (tmp_path / "ratings.dat").write_text("\n".join([*ratings[:3], *bad, *ratings[3:]]) + "\n")
    (tmp_path / "users.dat").write_text("".join(f"{u}::F::18::3::0{u}\n" for u in range(1, 5)))
    (tmp_path / "movies.dat").write_text("".join(f"{m}::Film {m} (1999)::Drama\n" for m in range(1, 5)))
    data = {"source": {"kind": "movielens-1m", "path": str(tmp_path)}, "on_bad_row": "quarantine", "max_bad_share": 0.1}
    table = prepare(data)
    by_column = {"rating": 1, "timestamp": 1, "User ID": 1, "Movie ID": 1, "unreadable lines": 1}
    assert table.manifest["bad_rows"]["by_column"] == by_column
    aside = (tmp_path / "prepared.quarantine" / "rows.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["line"] for line in aside) == [4, 5, 6, 7, 8]
    with pytest.raises(ClickPromptError, match=r"ratings.dat, line 8: too few cells"):
        prepare({**data, "on_bad_row": "error"}, "other")


def test_the_command_line_overrides_the_recipe(tmp_path):
    write_bad(tmp_path / "clicks.csv")
    recipe = {"data": source(tmp_path / "clicks.csv", "error"), "method": "id-only", "language_model": None}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    command = ["prepare", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "run")]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "clicks.csv, line 9: too few cells, 3 where the table has 5 columns" in refused.stderr
    done = CliRunner().invoke(app, [*command, "--on-bad-row", "quarantine"])
    assert (done.exit_code, done.stderr.count("bad rows: 9 of 69 rows left out")) == (0, 1)
    aside = tmp_path / "run" / "prepared.quarantine" / "rows.jsonl"
    assert len(aside.read_text().splitlines()) == 9
    unknown = CliRunner().invoke(app, [*command, "--on-bad-row", "pass"])
    assert unknown.exit_code == 2
    assert "data.on_bad_row is 'pass'" in unknown.stderr
    data = summary(Data(PreparedTable.open(tmp_path / "run" / "prepared")))
    html = render_report(ReportData(title="t", recipe="", data=data))
    assert "9 of 69 rows left out (unreadable lines 4, " in html
    assert "Look again" in html
