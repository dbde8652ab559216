"""Pieces without rows, files read ahead, values that nothing holds, folders that somebody else has written."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import DataConfig, prepare_table
from clickprompt.table import prepare as module
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.time_order import in_time_order


def test_a_first_piece_of_bad_rows_alone_says_nothing_of_times(tmp_path, tiny, prepare):
    rows = pl.read_csv(tiny["source"]["path"], infer_schema=False)
    days = pl.Series("time", [f"2024-05-{1 + row * 27 // rows.height:02d}" for row in range(rows.height)])
    rows = rows.with_columns(days)
    rows[:3].with_columns(pl.lit("maybe").alias("clicked")).write_csv(tmp_path / "1.csv")
    rows.write_csv(tmp_path / "2.csv")
    tiny["source"]["path"] = [str(tmp_path / "1.csv"), str(tmp_path / "2.csv")]
    manifest = prepare({**tiny, "on_bad_row": "skip"}).manifest
    assert manifest["bad_rows"]["rows"] == 3
    assert manifest["over_time"]["unit"] == "microseconds"


def test_bad_rows_stand_in_the_order_of_the_files_whichever_was_read_ahead():
    bad = BadRows("skip")
    bad.rows = [BadRow(file, row, None, None, "") for file, row in (("b", 2), ("a", 7), ("c", 1), ("a", 3), ("b", 1))]
    bad.in_order(["a", "b"])
    assert [(row.file, row.row) for row in bad.rows] == [("a", 3), ("a", 7), ("b", 1), ("b", 2), ("c", 1)]


def test_negatives_that_are_all_gone_are_an_error(tiny, prepare, tmp_path):
    with pytest.raises(ClickPromptError, match="keep is 1e-09, which leaves no training row without a click"):
        prepare({**tiny, "negatives": {"keep": 1e-9}}, "thin")
    assert not [path for path in tmp_path.iterdir() if "thin" in path.name]


def test_a_catalogue_has_no_rows_for_what_nothing_holds(tmp_path, prepare):
    rows = pl.DataFrame(
        {
            "user": ["a", "b"] * 30,
            "tags": [["cut", "x", "y"], ["x", None]] * 30,
            "price": [n % 3 for n in range(60)],
            "label": [n % 7 % 2 for n in range(60)],
        }
    )
    rows.write_parquet(tmp_path / "rows.parquet")
    tags = {"name": "tags", "kind": "list", "max_items": 2, "keep": "last"}
    fields = [{"name": "user", "side": "user"}, tags, {"name": "price", "kind": "numeric"}]
    source = {"kind": "files", "path": str(tmp_path / "rows.parquet"), "fields": fields, "label": "label"}
    table = prepare({"source": source, "fit_on": "catalogue", "split": {"drop_duplicates": False}})
    texts, offsets = table.value_texts[0].to_pylist(), table.manifest["offsets"]
    assert sorted(texts[offsets[1] : offsets[2]]) == ["x", "y"]
    assert texts[offsets[2] : offsets[3]] != []
    assert "unknown" not in texts[: offsets[3]]


def test_a_split_without_users_is_told_with_times_too(tiny, prepare):
    path = Path(tiny["source"]["path"])
    pl.read_csv(path, infer_schema=False).with_columns(pl.lit("ann").alias("user")).write_csv(path)
    with pytest.raises(ClickPromptError, match="split is empty"):
        prepare({**tiny, "split": {"order": "user"}})


def test_a_split_by_user_is_refused_before_all_rows_are_read(tiny, prepare, tmp_path):
    for field in tiny["source"]["fields"]:
        field.pop("side", None)
    (tmp_path / "later.csv").write_text(Path(tiny["source"]["path"]).read_text() + "x\n")
    tiny["source"]["path"] = [tiny["source"]["path"], str(tmp_path / "later.csv")]
    with pytest.raises(ClickPromptError, match="order is user, but no field owns rows"):
        prepare({**tiny, "split": {"order": "user"}})


@pytest.mark.parametrize("most", [1 << 23, 20])
def test_ties_count_one_after_the_other(most):
    random = np.random.default_rng(0)
    times, *keys = (random.integers(0, values, 200) for values in (3, 4, 3, 3, 2))
    rows = np.sort(random.permutation(200)[:150])
    ties = [lambda some, of=key: of[some] for key in keys]
    wanted = sorted(rows.tolist(), key=lambda row: (times[row], *(key[row] for key in keys)))
    assert np.concatenate(list(in_time_order(times, rows, ties, most))).tolist() == wanted
    assert [len(some) for some in in_time_order(times, rows[:0], ties)] == [0]


def test_a_folder_is_not_said_to_be_what_another_run_has_put_there(tiny, prepare, progress, tmp_path, monkeypatch):
    write = module._write

    def overtaken(config, folder, scratch, progress):
        written = write(config, folder, scratch, progress)
        write(config.model_copy(update={"min_count": 5}), folder, scratch, progress)
        return written

    monkeypatch.setattr(module, "_write", overtaken)
    with pytest.raises(ClickPromptError, match="another run has prepared other data here"):
        prepare(tiny)
    assert not (tmp_path / "prepared.inputs.json").exists()
    monkeypatch.setattr(module, "_write", write)
    assert prepare(tiny).manifest["settings"]["min_count"] == 1


def test_files_that_are_not_there_are_not_taken_for_those_of_another_place(tiny, prepare, tmp_path, progress):
    prepare(tiny)
    here = tiny["source"]["path"]
    tiny["source"]["path"] = str(tmp_path / "nowhere.csv")
    with pytest.raises(ClickPromptError, match=r"nowhere\.csv"):
        prepare(tiny)
    tiny["source"]["path"] = here
    Path(here).unlink()
    assert json.loads((tmp_path / "prepared.inputs.json").read_text())["places"]["path"] == [here]
    assert prepare_table(DataConfig.model_validate(tiny), tmp_path / "prepared", progress).fingerprint
    assert "no longer there" in progress.said[-1]
