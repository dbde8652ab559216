"""Lists and hashes in prepared folders, from the sources that have them."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import PreparedTable
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists


@pytest.fixture
def lists(tmp_path):
    write_tiny_lists(tmp_path)
    return tiny_lists_config(tmp_path, max_items=6)


@pytest.fixture
def frame(lists):
    return pl.read_parquet(lists["source"]["path"])


def test_the_manifest_sums_up(lists, frame, prepare):
    table = prepare({**lists, "min_count": 70})
    user, tags, history = (table.manifest["fields"][name] for name in ("user", "tags", "history"))
    assert user["embedding_rows"] == 16
    assert user["distinct_values"] == frame["user"].n_unique()
    assert user["texts_per_row"] == round(frame["user"].n_unique() / 16, 3)
    counts = frame["user"][:480].value_counts().sort(["count", "user"], descending=[True, False])
    assert user["most_frequent"] == [list(row) for row in counts.rows()[:5]]
    assert user["share_outside_vocabulary"] == {"train": 0, "validation": 0, "test": 0}

    cut = [[] if cell is None else list(cell)[-6:] for cell in frame["history"].to_list()]
    assert history["mean_length"] == round(np.mean([len(cell) for cell in cut[:480]]), 3)
    held = [cell or ["unknown"] for cell in cut]
    seen = {film: sum(film in cell for cell in held[:480]) for film in {f for cell in held for f in cell}}
    earned = sorted((film for film in seen if seen[film] >= 70), key=lambda film: (-seen[film], film))
    assert 1 < history["embedding_rows"] == len(earned) < len(seen)
    assert history["most_frequent"] == [[film, seen[film]] for film in earned[:5]]
    rare = [any(film not in earned for film in cell) for cell in held[540:]]
    assert history["share_outside_vocabulary"]["test"] == pytest.approx(np.mean(rare), abs=1e-6)
    assert history["share_missing"]["train"] == pytest.approx(np.mean([not cell for cell in cut[:480]]), abs=1e-6)
    assert "texts_per_row" not in tags


def test_members_are_there_only_for_lists(lists, tiny, prepare):
    assert prepare(tiny, "plain").members is None
    table = prepare(lists)
    files = set(table.manifest["files"])
    assert {"members.npy", "member_offsets.npy"} <= files
    assert (table.members.offsets.dtype, table.members.rows.dtype) == (np.int64, np.int32)
    del lists["source"]["fields"][1:]
    assert not {"members.npy", "member_offsets.npy"} & set(prepare(lists, "hashed").manifest["files"])


def test_hashes_of_all_fields_are_numbered_in_int32(lists, prepare):
    for field in lists["source"]["fields"][:2]:
        field["hash_rows"] = 2**30
    with pytest.raises(ClickPromptError, match="come to 2,147,483,651 embedding rows; at most 2,147,483,647"):
        prepare(lists)


def test_the_same_input_makes_the_same_bytes(lists, prepare):
    assert prepare(lists, "one").manifest["files"] == prepare(lists, "two").manifest["files"]


def test_folders_from_before_lists_still_open(tiny, prepare, tmp_path):
    from clickprompt.storage import write_manifest

    table = prepare(tiny)
    old = copy.deepcopy(table.manifest)
    for described in (old["schema"], old["settings"]["source"]):
        described["fields"] = [
            {name: field[name] for name in ("name", "kind", "side")} for field in described["fields"]
        ]
    (tmp_path / "prepared" / "manifest.json").unlink()
    kept = {name: value for name, value in old.items() if name not in ("kind", "format_version", "files", "score_as")}
    write_manifest(tmp_path / "prepared", "manifest.json", kept, kind="prepared folder", version=2)
    again = PreparedTable.open(tmp_path / "prepared")
    Path(tiny["source"]["path"]).unlink()
    assert prepare(tiny).fingerprint == table.fingerprint  # used as it is
    assert again.schema == table.schema
    assert again.members is None
    assert again.statistics.pooling == (None,) * 5


def test_rows_equal_in_their_lists_are_dropped(lists, frame, prepare, tmp_path):
    pl.concat([frame, frame[:30]]).write_parquet(lists["source"]["path"])
    assert prepare(lists).manifest["duplicates_dropped"] == 30


def test_files_may_hold_lists_in_different_ways(lists, frame, prepare, tmp_path):
    whole = prepare(lists)
    texts = frame.with_columns(pl.col("history").list.join("|"))
    frame[:200].write_ndjson(tmp_path / "part-1.jsonl")
    texts[200:400].write_csv(tmp_path / "part-2.csv")
    frame[400:].write_ipc(tmp_path / "part-3.arrow")
    mixed = copy.deepcopy(lists)
    mixed["source"]["path"] = [str(tmp_path / f"part-{part}") for part in ("1.jsonl", "2.csv", "3.arrow")]
    mixed["source"]["fields"][2]["separator"] = "|"
    table = prepare(mixed, "mixed")
    for name in ("train", "validation", "test"):
        one, other = (t.members.take(t.split(name).value_ids[:, 2]) for t in (whole, table))
        assert (one.offsets == other.offsets).all()
        assert (one.rows == other.rows).all()


def test_a_list_under_another_kind_is_one_value(lists, frame, prepare):
    lists["source"]["fields"][2] = {"name": "history", "kind": "categorical"}
    table = prepare(lists)
    texts = table.value_texts[0].to_pylist()
    first = [texts[value] for value in table.split("train").value_ids[:20, 2]]
    assert first == [", ".join(cell or []) or "unknown" for cell in frame["history"][:20].to_list()]


def test_a_bad_item_is_named(lists, frame, prepare, tmp_path):
    lines = [{**row, "history": [{"film": 1}] if number == 7 else []} for number, row in enumerate(frame.to_dicts())]
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    lists["source"]["path"] = str(path)
    with pytest.raises(ClickPromptError, match=r"bad.jsonl, row 8: history is a mapping; expected a text"):
        prepare(lists)


def test_serving_lists_needs_neither_polars_nor_pandas(lists, prepare):
    table = prepare(lists)
    code = f"""
import sys
from pathlib import Path
from clickprompt.table import PreparedTable
table = PreparedTable.open(Path({str(table.folder)!r}))
rows = table.vocabulary().encode({{"user": ["u1"], "tags": ["red|old"], "history": [["film 1", None]]}})
print([rows.texts[1][0], rows.texts[2][0], *sorted({{"polars", "pandas", "torch"}} & set(sys.modules))])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['red, old', 'film 1']"
