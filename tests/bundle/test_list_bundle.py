"""Lists and hashed fields from file to score: what they teach, and that serving reads rows as training did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from clickprompt.bundle import Predictor
from clickprompt.table import Vocabulary
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists
from clickprompt.training import score
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run

ROWS = 1500


@pytest.fixture(scope="module")
def histories(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("histories")
    write_tiny_lists(folder, ROWS)
    return folder


def recipe(histories: Path, **history):
    return {
        "data": tiny_lists_config(histories, **history),
        "ctr_model": {"kind": "dnn", "embedding_dim": 8, "hidden_sizes": [16]},
        "method": {"kind": "id-only"},
        "finetune": {"epochs": 8, "batch_size": 64, "ctr_learning_rate": 0.01},
        "seed": 1,
    }


def auc_of(folder: Path) -> float:
    records = json.loads((folder / "metrics.json").read_text())
    return next(record["auc"] for record in records if record["split"] == "test")


@pytest.fixture(scope="module")
def auc_without_history(histories, tmp_path_factory) -> float:
    settings = recipe(histories)
    del settings["data"]["source"]["fields"][2]
    folder = tmp_path_factory.mktemp("without")
    run(parse_recipe(settings), RunFolder(folder), SilentProgress())
    return auc_of(folder)


@pytest.mark.parametrize(
    "history", [{"pooling": "sum"}, {"pooling": "mean"}, {"pooling": "attention"}, {"hash_rows": 64}]
)
def test_the_history_teaches(history, histories, tmp_path, auc_without_history):
    run(parse_recipe(recipe(histories, **history)), RunFolder(tmp_path), SilentProgress())
    assert auc_of(tmp_path) > auc_without_history + 0.1


@pytest.fixture(scope="module")
def both(histories, tmp_path_factory, tiny_bert):
    """A run of every model over lists with attention and a cut, and what it was made of."""
    settings = recipe(histories, pooling="attention", max_items=4)
    settings |= {
        "method": {"kind": "clickprompt", "prompt": {"length": 2}},
        "language_model": {"name": str(tiny_bert), "max_length": 128},
        "pretrain": {"max_steps": 2, "batch_size": 32},
        "finetune": {"max_steps": 20, "batch_size": 32},
        "finetune_with_language_model": {"max_steps": 2, "batch_size": 32},
    }
    settings["data"]["min_count"] = 60
    folder = RunFolder(tmp_path_factory.mktemp("both"))
    run(parse_recipe(settings), folder, SilentProgress())
    return folder, prepare(parse_recipe(settings), folder.prepared, SilentProgress())


@pytest.mark.parametrize("model", ["id-only", "clickprompt-without-lm", "clickprompt-with-lm"])
def test_a_bundle_scores_raw_rows_as_the_reader_does(model, both, histories):
    folder, data = both
    predictor = Predictor.load(folder.bundle(model))
    words = model == "clickprompt-with-lm"
    reader = data.reader(["test"], reads="sentence" if words else "ids")
    logits = score(predictor.method, reader.in_order(64), len(reader), torch.device("cpu"), "float32")
    frame = pl.read_parquet(histories / "histories.parquet")[-len(reader) :]
    if words:
        # sentences of one length may meet in another order, where sums differ in the last digit
        np.testing.assert_allclose(predictor.predict(frame), torch.sigmoid(torch.from_numpy(logits)), atol=1e-6)
        return
    vocabulary = Vocabulary.load(folder.bundle(model))
    encoded = vocabulary.encode({name: frame[name] for name in frame.columns})
    ids = reader.ids(np.arange(len(reader)))
    assert (encoded.feature_ids == ids.features).all()
    for field, lists in ids.lists.items():
        taken = encoded.members[field].take(encoded.text_codes[:, field])
        assert (taken.offsets == lists.offsets).all()
        assert (taken.rows == lists.rows).all()
    whole = score(predictor.method, reader.in_order(8192), len(reader), torch.device("cpu"), "float32")
    assert np.array_equal(predictor.predict(frame), torch.sigmoid(torch.from_numpy(whole)).numpy())
    np.testing.assert_allclose(whole, logits, atol=1e-5)


def test_every_shape_of_lists_scores_the_same(both):
    predictor = Predictor.load(both[0].bundle("clickprompt-with-lm"))
    rows = [
        {"user": "u1", "tags": "red|round", "history": ["film 3", "film 4", "film 3"]},
        {"user": "nobody yet", "tags": "", "history": []},
        {"user": None, "tags": "mauve", "history": None},
    ]
    scores = predictor.predict(rows)
    assert np.isfinite(scores).all()
    schema = {"history": pl.List(pl.String)}
    split = [{**row, "tags": row["tags"].split("|")} for row in rows]
    shapes = (pl.DataFrame(rows, schema_overrides=schema), pl.DataFrame(split, schema_overrides=schema), split)
    for shape in (*shapes, pl.DataFrame(rows, schema_overrides=schema).to_arrow(), pl.DataFrame(rows).to_pandas()):
        assert np.array_equal(predictor.predict(shape), scores)
    order = predictor.predict(rows[::-1])
    np.testing.assert_allclose(order[::-1], scores, atol=1e-6)


def test_rows_with_an_unseen_item_are_counted_and_hashes_never(both):
    predictor = Predictor.load(both[0].bundle("id-only"))
    rows = {
        "user": ["new", "newer", "newest"],
        "history": [["film 1", "film 99"], ["film 99", "film 98"], ["film 2"]],
    }
    prediction = predictor.score(rows)
    assert prediction.unseen == {"history": 2}
    assert prediction.missing_columns == ("tags",)
    assert predictor.predict({"user": [], "history": []}).shape == (0,)


def test_order_of_items_counts_for_the_cut_alone(both):
    predictor = Predictor.load(both[0].bundle("id-only"))
    films = [f"film {i}" for i in range(6)]
    histories = [films, films[2:], ["film 9", *films], films[:4], films[5:1:-1]]
    scores = predictor.predict({"user": ["u1"] * 5, "tags": ["red"] * 5, "history": histories})
    assert scores[0] == scores[1] == scores[2]
    assert scores[0] != scores[3]
    np.testing.assert_allclose(scores[4], scores[0], rtol=1e-6)


def test_the_bundle_knows_its_lists(both):
    vocabulary = Vocabulary.load(both[0].bundle("id-only"))
    assert len(vocabulary.texts) == vocabulary.statistics.offsets[-1]
    assert (vocabulary.statistics.counts == both[1].table.statistics.counts).all()
    assert vocabulary.statistics.pooling == (None, "sum", "attention")


def test_the_report_says_how_long_lists_are_and_how_full_hashes(both):
    page = (both[0].path / "report.html").read_text()
    fields = both[1].table.manifest["fields"]
    assert f"list ({fields['history']['mean_length']:.1f} items a row)" in page
    assert f"categorical ({fields['user']['texts_per_row']:.1f} texts a hash)" in page
