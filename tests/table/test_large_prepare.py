"""Preparing in pieces: nothing in a prepared folder tells how the rows were cut, and options do what they say."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.storage import checksums
from clickprompt.table import counting, scratch
from clickprompt.table import prepare as module
from clickprompt.table.duplicates import repeated
from clickprompt.table.time_order import in_time_order
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists


@pytest.fixture
def small_pieces(monkeypatch):
    """Every bound on rows in memory, made tiny."""
    for place in (scratch, counting, module):
        monkeypatch.setattr(place, "AT_ONCE", 64)
    monkeypatch.setattr(repeated, "__defaults__", (None, 50))
    monkeypatch.setattr(in_time_order, "__defaults__", (50,))


def values_of(table, name):
    """What the rows of a split hold, as texts."""
    texts = table.value_texts[0]
    split = table.split(name)
    return [[texts[int(index)].as_py() for index in row] for row in split.value_ids]


@pytest.mark.parametrize("order", ["time", "shuffle", "user"])
def test_blocks_of_any_size_make_the_same_bytes(order, tiny, prepare, request):
    tiny["split"] = {"order": order}
    if order == "shuffle":
        tiny["negatives"] = {"keep": 0.5}
    whole = prepare(tiny, "whole")
    request.getfixturevalue("small_pieces")
    assert checksums(prepare(tiny, "pieces").folder) == checksums(whole.folder)


def test_lists_do_too_and_two_lists_of_one_text_stay_apart(tmp_path, prepare, request):
    write_tiny_lists(tmp_path)
    path = tmp_path / "histories.parquet"
    frame = pl.read_parquet(path)
    twins = [["film 1, film 2"] if row % 3 else ["film 1", "film 2"] for row in range(40)]
    frame = pl.concat([frame[:-40], frame[-40:].with_columns(pl.Series("history", twins))])
    frame.with_columns(pl.lit(1).alias("time")).write_parquet(path)  # ties alone order the rows
    whole = prepare(tiny_lists_config(tmp_path), "whole")
    frame.with_columns(pl.lit(1).alias("time")).sample(fraction=1, shuffle=True, seed=1).write_parquet(path)
    request.getfixturevalue("small_pieces")
    assert checksums(prepare(tiny_lists_config(tmp_path), "mixed").folder) == checksums(whole.folder)


def test_the_folder_does_not_tell_where_the_rows_lay(tiny, prepare, tmp_path):
    first = prepare(tiny)
    rows = pl.read_csv(tiny["source"]["path"], infer_schema=False)
    for place in range(3):
        rows[place::3].write_csv(tmp_path / f"part-{place}.csv")
    tiny["source"]["path"] = str(tmp_path / "part-*.csv")
    second = prepare(tiny, "other")
    assert checksums(second.folder) == checksums(first.folder)
    beside = json.loads((tmp_path / "other.inputs.json").read_text())
    assert [Path(name).name for name in beside["inputs"]] == ["part-0.csv", "part-1.csv", "part-2.csv"]
    (tmp_path / "other.inputs.json").unlink()
    assert prepare(tiny, "other").fingerprint == first.fingerprint
    assert (tmp_path / "other.inputs.json").exists()


def test_negatives_are_thinned_in_training_alone_and_weigh_more(tiny, prepare):
    whole, kept = prepare(tiny, "whole"), prepare({**tiny, "negatives": {"keep": 0.25}}, "kept")
    negatives = {name: int((whole.split(name).labels == 0).sum()) for name in ("train", "validation", "test")}
    train = kept.split("train")
    left = int((train.labels == 0).sum())
    assert left == pytest.approx(negatives["train"] / 4, abs=4 * np.sqrt(negatives["train"] * 3 / 16))
    assert kept.manifest["negatives"] == {
        "keep": 0.25,
        "correction": "weight",
        "dropped": negatives["train"] - left,
    }
    assert train.labels.sum() == whole.split("train").labels.sum()
    for name in ("validation", "test"):
        assert values_of(kept, name) == values_of(whole, name)
        assert (kept.split(name).weights == whole.split(name).weights).all()
    rows = [tuple(row) for row in values_of(whole, "train")]
    own = {}
    for row, weight, label in zip(rows, whole.split("train").weights, whole.split("train").labels, strict=True):
        own.setdefault((row, label), set()).add(float(weight))
    for row, weight, label in zip(map(tuple, values_of(kept, "train")), train.weights, train.labels, strict=True):
        assert (weight if label else weight / 4) in own[row, label]
    del tiny["source"]["weight"]
    plain = prepare({**tiny, "negatives": {"keep": 0.25, "correction": "logit"}}, "plain")
    assert plain.split("train").weights is None
    weighted = prepare({**tiny, "negatives": {"keep": 0.25}}, "weighted")
    assert set(weighted.split("train").weights.tolist()) == {1, 4}
    assert set(weighted.split("test").weights.tolist()) == {1}


def test_shuffled_training_rows_are_the_same_rows(tiny, prepare):
    split, shuffled = prepare(tiny, "split"), prepare({**tiny, "training_order": "shuffled"}, "shuffled")
    assert [table.manifest["training_order"] for table in (split, shuffled)] == ["split", "shuffled"]
    columns = []
    for table in (split, shuffled):
        train = table.split("train")
        columns.append([*zip(values_of(table, "train"), train.labels, train.weights, strict=True)])
        assert values_of(table, "test") == values_of(split, "test")
    assert columns[0] != columns[1]
    assert sorted(columns[0]) == sorted(columns[1])


def test_a_catalogue_gives_every_value_a_row_of_its_own(tiny, prepare):
    tiny["split"] = {"order": "time", "ratios": [0.2, 0.4, 0.4]}
    honest, whole = prepare(tiny, "honest"), prepare({**tiny, "fit_on": "catalogue", "min_count": 5}, "whole")
    rows = pl.read_csv(tiny["source"]["path"], infer_schema=False)
    for name in ("user", "city", "item", "title"):
        values = rows[name].replace("", "unknown").n_unique()
        assert whole.manifest["fields"][name]["embedding_rows"] == values
        assert honest.manifest["fields"][name]["embedding_rows"] <= values
    assert whole.manifest["fields"]["user"]["share_outside_vocabulary"]["test"] == 0
    assert len(whole.train_counts) > int((whole.train_counts > 0).sum())


def test_clicks_over_time_are_those_of_the_file(tiny, prepare):
    told = prepare(tiny).manifest["over_time"]
    rows = pl.read_csv(tiny["source"]["path"])
    assert told["unit"] == "as given"
    assert [sum(of) for of in zip(*told["rows"], strict=True)] == [480, 60, 60]
    assert (told["edges"][0], told["edges"][-1]) == (rows["time"].min(), rows["time"].max())
    for place, (low, high) in enumerate(zip(told["edges"], told["edges"][1:], strict=False)):
        last = place == len(told["rows"]) - 1
        held = rows.filter((pl.col("time") >= low) & ((pl.col("time") < high) | last))
        assert (held.height, held["clicked"].sum()) == (sum(told["rows"][place]), sum(told["positives"][place]))
    assert prepare({**tiny, "split": {"order": "shuffle"}}, "shuffle").manifest["over_time"] is None


def test_too_many_bad_rows_are_told_once_all_are_read(tiny, prepare, tmp_path):
    lines = Path(tiny["source"]["path"]).read_text().splitlines(keepends=True)
    for place in range(4):  # the first file is bad alone
        some = lines[1 + place * 150 : 151 + place * 150]
        text = "".join(line.replace("\n", "x\n") if place == 0 and row < 5 else line for row, line in enumerate(some))
        (tmp_path / f"part-{place}.csv").write_text(lines[0] + text)
    tiny["source"]["path"] = str(tmp_path / "part-*.csv")
    assert prepare({**tiny, "on_bad_row": "skip"}).manifest["bad_rows"]["rows"] == 5
    with pytest.raises(ClickPromptError, match=r"5 of 600 rows cannot be used, 0\.83% where .* allows 0\.50%"):
        prepare({**tiny, "on_bad_row": "skip", "max_bad_share": 0.005}, "strict")
    assert not list(tmp_path.glob(".strict*"))
