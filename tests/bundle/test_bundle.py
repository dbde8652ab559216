from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from safetensors.numpy import load_file, save_file

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.settings import ClickPromptError
from clickprompt.storage import write_manifest
from clickprompt.workflows import predict

ROWS = [
    {"user": "u1", "city": "Oslo", "item": "i2", "title": "golden lamp 2", "price": 12.5},
    {"user": "nobody yet", "city": None, "item": "i3", "title": "a brand new thing", "price": None},
    {"user": "", "city": "Ōsaka\u0301 🎻", "item": "i1", "title": "x" * 400, "price": -1e9},
]


@pytest.mark.parametrize("model", ["id-only", "clickprompt-with-lm"])
def test_every_shape_of_rows_scores_the_same(bundles, model):
    predictor = Predictor.load(bundles / model)
    scores = predictor.predict(ROWS)
    assert scores.dtype == np.float32
    assert scores.shape == (3,)
    assert ((scores > 0) & (scores < 1)).all()
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    for rows in (columns, pl.DataFrame(ROWS), pl.LazyFrame(ROWS), pd.DataFrame(ROWS), pa.Table.from_pylist(ROWS)):
        np.testing.assert_array_equal(predictor.predict(rows), scores)


@pytest.mark.parametrize("model", ["id-only", "clickprompt-with-lm"])
def test_company_changes_no_score(bundles, model):
    predictor = Predictor.load(bundles / model)
    alone = np.concatenate([predictor.predict([row]) for row in ROWS])
    np.testing.assert_allclose(predictor.predict(ROWS[::-1])[::-1], alone, rtol=1e-5)


def test_unseen_values_and_missing_columns_are_reported(bundles, caplog):
    predictor = Predictor.load(bundles / "id-only")
    scored = predictor.score([{key: value for key, value in row.items() if key != "title"} for row in ROWS])
    assert scored.missing_columns == ("title",)
    assert scored.unseen["user"] == 2
    assert "item" not in scored.unseen
    predictor.predict([{"user": "u1"}])
    assert "columns not given, counted as missing: city, item, title, price" in caplog.text


def test_words_of_unseen_values_are_read(bundles):
    predictor = Predictor.load(bundles / "clickprompt-with-lm")
    one, other = predictor.predict([{**ROWS[0], "title": "brilliant new"}, {**ROWS[0], "title": "broken new"}])
    assert one != other
    plain = Predictor.load(bundles / "id-only")
    assert len(set(plain.predict([{**ROWS[0], "title": t} for t in ("brilliant new", "broken new")]).tolist())) == 1


def test_no_rows_no_scores(bundles):
    for model in ("id-only", "clickprompt-with-lm"):
        assert Predictor.load(bundles / model).predict([]).shape == (0,)


def test_rows_of_another_kind_are_refused(bundles):
    predictor = Predictor.load(bundles / "id-only")
    with pytest.raises(ClickPromptError, match="row 2: expected a dict of column to value, not list"):
        predictor.predict([ROWS[0], ["u1"]])
    with pytest.raises(ClickPromptError, match="rows: expected a frame"):
        predictor.predict(7)
    with pytest.raises(ClickPromptError, match="rows: 'user' holds one value; give a list of dicts"):
        predictor.predict(ROWS[0])
    with pytest.raises(ClickPromptError, match="column 'user' is there twice"):
        predictor.predict(pd.concat([pd.DataFrame(ROWS)] * 2, axis=1))


def test_a_cell_that_cannot_be_scored_is_named_with_its_file(bundles, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("user,price\nu1,3\nu2,cheap\n")
    with pytest.raises(ClickPromptError, match=rf'^{re.escape(str(rows))}, row 2: price is "cheap"; expected a number'):
        predict(bundles / "id-only", rows, None)
    assert list(tmp_path.iterdir()) == [rows]


def copy_of(bundles: Path, folder: Path, model: str = "id-only") -> Path:
    return Path(shutil.copytree(bundles / model, folder / "bundle"))


@pytest.mark.parametrize("name", ["weights.safetensors", "vocabulary.arrow", "vocabulary.json", "bundle.json"])
def test_a_changed_byte_is_named(bundles, tmp_path, name):
    bundle = copy_of(bundles, tmp_path)
    content = bytearray((bundle / name).read_bytes())
    place = content.index(b"seed") if name == "bundle.json" else len(content) // 2
    content[place] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(ClickPromptError, match=rf"{name}: (changed since it was written|damaged)"):
        load_bundle(bundle)


def rewrite(bundle: Path, **changes) -> None:
    manifest = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").unlink()
    for name in ("files", "manifest_sha256", "clickprompt_version"):
        manifest.pop(name)
    version = changes.pop("format_version", manifest.pop("format_version"))
    manifest.pop("format_version", None)
    write_manifest(bundle, "bundle.json", {**manifest, **changes}, kind=manifest.pop("kind"), version=version)


def test_another_version_is_refused(bundles, tmp_path):
    bundle = copy_of(bundles, tmp_path)
    rewrite(bundle, format_version=99)
    with pytest.raises(ClickPromptError, match=r"clickprompt bundle of format 99, .* this version reads format 1"):
        load_bundle(bundle)


def test_every_missing_and_extra_weight_is_named(bundles, tmp_path):
    bundle = copy_of(bundles, tmp_path)
    weights = load_file(bundle / "weights.safetensors")
    weights["ctr.surplus"] = weights.pop("ctr.output.bias")
    weights["ctr.output.weight"] = weights["ctr.output.weight"][:, 1:].copy()
    save_file(weights, bundle / "weights.safetensors")
    rewrite(bundle)
    with pytest.raises(ClickPromptError) as caught:
        load_bundle(bundle)
    for part in ("missing ctr.output.bias", "extra ctr.surplus", "ctr.output.weight is (1, 7), expected (1, 8)"):
        assert part in str(caught.value)


def test_a_bundle_holds_no_pickle(bundles):
    files = [file for file in bundles.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".arrow", ".safetensors", ".npy"}
    for file in files:
        if file.suffix == ".npy":
            np.load(file, allow_pickle=False)


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(ClickPromptError, match="not a clickprompt bundle"):
        Predictor.load(tmp_path)
    with pytest.raises(ClickPromptError, match="no such folder"):
        Predictor.load(tmp_path / "nowhere")


def test_a_control_with_permuted_words_scores_no_new_rows(bundles, tmp_path):
    bundle = copy_of(bundles, tmp_path, "clickprompt-with-lm")
    manifest = json.loads((bundle / "bundle.json").read_text())
    rewrite(bundle, language_model={**manifest["language_model"], "permute_values": 1})
    with pytest.raises(ClickPromptError, match="permuted words"):
        Predictor.load(bundle)
