"""Prepared folders: what they hold, when they are reused, when they are not."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import DataConfig, PreparedTable, inputs_fingerprint, prepare_table
from clickprompt.table import prepare as module


def test_rows_read_back_as_they_were_written(tiny, prepare):
    table = prepare(tiny)
    lines = [line.split(",") for line in Path(tiny["source"]["path"]).read_text().splitlines()]
    columns = [lines[0].index(name) for name in table.schema.names]
    texts = np.array(table.value_texts[0].to_pylist(), dtype=object)
    splits = [table.split(name) for name in ("train", "validation", "test")]
    shown = np.concatenate([texts[split.value_ids] for split in splits])
    for row, cells in zip(shown, lines[1:], strict=True):
        wanted = [cells[column] or "unknown" for column in columns]
        wanted[4] = wanted[4] if wanted[4] == "unknown" else f"{float(wanted[4]):g}"
        assert row.tolist() == wanted
    assert np.concatenate([s.labels for s in splits]).tolist() == [float(cells[-1]) for cells in lines[1:]]
    assert np.concatenate([s.weights for s in splits]).tolist() == [float(cells[-2]) for cells in lines[1:]]
    train = splits[0]
    assert isinstance(train.value_ids, np.memmap)
    assert (train.value_ids.dtype, train.labels.dtype, train.weights.dtype) == (np.int32, np.float32, np.float32)
    counted = np.zeros(len(texts), dtype=np.int64)
    np.add.at(counted, train.value_ids.ravel(), 1)
    owned = table.statistics.offsets[-1]
    raw = np.arange(len(texts)) >= owned
    assert (table.train_counts[raw] == counted[raw]).all()
    rows = np.bincount(table.embedding_rows[train.value_ids].ravel(), minlength=table.statistics.num_embeddings)
    assert (rows[:owned] == table.statistics.counts).all()
    assert rows[owned:].sum() == 0


def test_the_manifest_sums_up(tiny, prepare):
    table = prepare(tiny)
    manifest = table.manifest
    assert {name: split["rows"] for name, split in manifest["splits"].items()} == {
        "train": 480,
        "validation": 60,
        "test": 60,
    }
    assert manifest["splits"]["test"]["positives"] == table.split("test").labels.sum()
    price = manifest["fields"]["price"]
    missing = (
        np.array(table.value_texts[0].to_pylist(), dtype=object)[table.split("test").value_ids[:, 4]] == "unknown"
    ).mean()
    assert price["share_missing"]["test"] == pytest.approx(missing, abs=1e-6)
    rare = prepare({**tiny, "min_count": 12}, "rare")
    users = rare.manifest["fields"]["user"]
    assert users["embedding_rows"] == (table.statistics.counts[: table.statistics.offsets[1]] >= 12).sum()
    oov = rare.embedding_rows[rare.split("train").value_ids[:, 0]] == rare.statistics.offsets[-1]
    assert users["share_outside_vocabulary"]["train"] == pytest.approx(oov.mean(), abs=1e-6)
    assert 0 < oov.mean() < 1


def test_reused_when_nothing_changed(tiny, prepare, monkeypatch, tmp_path):
    first = prepare(tiny)
    monkeypatch.setattr(module, "_write", None)
    assert prepare(tiny).fingerprint == first.fingerprint
    moved = copy.deepcopy(tiny)
    (tmp_path / "elsewhere").mkdir()
    moved["source"]["path"] = str(shutil.copy(tiny["source"]["path"], tmp_path / "elsewhere" / "same.csv"))
    assert prepare(moved).fingerprint == first.fingerprint  # where the files lie does not count
    pandas_free = PreparedTable.open(tmp_path / "prepared")
    assert pandas_free.manifest == first.manifest


@pytest.mark.parametrize("change", ["setting", "source setting", "content"])
def test_written_anew_when_something_changed(change, tiny, prepare):
    first = prepare(tiny)
    if change == "setting":
        tiny["min_count"] = 2
    elif change == "source setting":
        del tiny["source"]["weight"]
    else:
        path = Path(tiny["source"]["path"])
        path.write_text(path.read_text().replace("Lima", "Rome", 1))
    second = prepare(tiny)
    assert second.fingerprint != first.fingerprint
    told = json.loads(Path(f"{second.folder}.inputs.json").read_text())
    assert told["inputs_fingerprint"] == inputs_fingerprint(DataConfig.model_validate(tiny))
    assert told["prepared"] == second.fingerprint
    assert (second.split("train").weights is None) == (change == "source setting")


def test_the_same_input_makes_the_same_bytes(tiny, prepare):
    assert prepare(tiny, "one").manifest["files"] == prepare(tiny, "two").manifest["files"]


def test_used_as_it_is_when_the_source_is_gone(tiny, prepare, progress):
    first = prepare(tiny)
    Path(tiny["source"]["path"]).unlink()
    assert prepare(tiny).fingerprint == first.fingerprint
    assert "no longer there" in progress.said[-1]
    with pytest.raises(ClickPromptError, match="no such file"):
        prepare({**tiny, "min_count": 2})


def test_a_changed_byte_is_named(tiny, prepare, tmp_path):
    prepare(tiny)
    path = tmp_path / "prepared" / "train.value_ids.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    for action in (lambda: prepare(tiny), lambda: PreparedTable.open(tmp_path / "prepared")):
        with pytest.raises(ClickPromptError, match=r"train.value_ids.npy: changed since it was written"):
            action()


def test_another_format_version_is_written_anew(tiny, prepare, tmp_path):
    first = prepare(tiny)
    path = tmp_path / "prepared" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 0}))
    with pytest.raises(ClickPromptError, match="format 0"):
        PreparedTable.open(tmp_path / "prepared")
    assert prepare(tiny).fingerprint == first.fingerprint


def test_other_folders_are_never_overwritten(tiny, prepare, tmp_path):
    with pytest.raises(ClickPromptError, match="holds something else"):
        prepare(tiny, ".")
    assert Path(tiny["source"]["path"]).exists()
    with pytest.raises(ClickPromptError, match="this is a file"):
        prepare(tiny, "clicks.csv")
    (tmp_path / "empty").mkdir()
    prepare(tiny, "empty")


def test_unknown_splits_are_refused(tiny, prepare):
    with pytest.raises(ClickPromptError, match=r"no split 'tset' \(did you mean test\?\)"):
        prepare(tiny).split("tset")


def test_reading_needs_neither_polars_nor_pandas(tiny, prepare):
    table = prepare(tiny)
    code = f"""
import sys
from pathlib import Path
import clickprompt.table
from clickprompt.table import PreparedTable
table = PreparedTable.open(Path({str(table.folder)!r}))
table.statistics, table.split("train"), table.value_texts, table.embedding_rows
table.vocabulary().encode({{"user": ["u1", "nobody"], "price": [3.5, None]}})
print(sorted({{"polars", "pandas", "torch", "transformers"}} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


HALF = Path(__file__).parents[3] / "shared" / "data" / "ml-1m-half"


@pytest.mark.skipif(not HALF.is_dir(), reason="half of MovieLens-1M is not at hand")
def test_half_of_movielens_1m(tmp_path, progress):
    config = DataConfig.model_validate({"source": {"kind": "movielens-1m", "path": str(HALF)}})
    table = prepare_table(config, tmp_path / "half", progress)
    splits = table.manifest["splits"]
    assert sum(split["rows"] for split in splits.values()) == 360_434
    users = table.manifest["fields"]["User ID"]["share_outside_vocabulary"]
    assert (round(users["validation"], 3), round(users["test"], 3)) == (0.626, 0.106)
    assert table.manifest["fields"]["Occupation"]["distinct_values"] == 21
