"""A position field: read in training, fixed in scoring, so that what is ranked is the item and not its place."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from clickprompt.bundle import Predictor
from clickprompt.evaluation import auc
from clickprompt.text import sentence_of
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows.predict import predict
from clickprompt.workflows.show import show

ITEMS, ROWS, PLACES = 60, 12_000, 8


@pytest.fixture(scope="module")
def clicks(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """Clicks with strong position bias, and each item's true quality.

    P(click) = σ(quality − ½·position). An item's usual place was chosen without regard to its quality, so items of
    equal quality have unequal click rates.
    """
    random = np.random.default_rng(0)
    quality = random.permutation(np.linspace(-1.5, 1.5, ITEMS))
    usual = random.integers(1, PLACES + 1, ITEMS)
    item = random.integers(0, ITEMS, ROWS)
    position = np.clip(usual[item] + random.integers(-3, 4, ROWS), 1, PLACES)
    clicked = random.random(ROWS) < 1 / (1 + np.exp(-(quality[item] - 0.5 * position)))
    path = tmp_path_factory.mktemp("ads") / "ads.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "Position", "clicked"])
        writer.writerows(
            [f"u{n % 50}", f"i{i}", p, int(c)] for n, (i, p, c) in enumerate(zip(item, position, clicked, strict=True))
        )
    return path, quality


def recipe_of(path: Path, position: dict | None) -> dict:
    fields = [{"name": "user", "side": "user"}, {"name": "item", "side": "item"}]
    if position is not None:
        fields.append({"name": "Position", **position})
    source = {"kind": "files", "path": str(path), "fields": fields, "label": "clicked"}
    return {
        "data": {"source": source, "split": {"drop_duplicates": False}},
        "ctr_model": {"kind": "dnn", "embedding_dim": 8, "hidden_sizes": [16]},
        "method": {"kind": "id-only"},
        "language_model": None,
        "finetune": {"epochs": 5, "ctr_learning_rate": 0.01},
        "seed": 3,
    }


def ranking(bundle: Path, quality: np.ndarray) -> float:
    """AUC of an item's score against whether it is of the better half."""
    items = [{"user": "u1", "item": f"i{n}"} for n in range(ITEMS)]
    prediction = Predictor.load(bundle).score(items)
    assert prediction.missing_columns == ()
    assert prediction.unseen == {}
    return auc(quality > 0, prediction.probability)


def test_items_are_ranked_by_quality_and_not_by_where_they_stood(clicks, tmp_path):
    path, quality = clicks
    without, with_ = RunFolder(tmp_path / "without"), RunFolder(tmp_path / "with")
    run(parse_recipe(recipe_of(path, None)), without, SilentProgress())
    run(parse_recipe(recipe_of(path, {"score_as": 1})), with_, SilentProgress())
    biased = ranking(without.bundle("id-only"), quality)
    debiased = ranking(with_.bundle("id-only"), quality)
    assert biased < 0.9 < 0.95 < debiased


def test_what_rows_say_of_the_position_changes_no_score(clicks, tmp_path):
    path, _ = clicks
    folder = RunFolder(tmp_path)
    recipe = recipe_of(path, {"score_as": 1})
    recipe["finetune"] = {"max_steps": 20, "evaluations_per_epoch": 1}
    parsed = parse_recipe(recipe)
    run(parsed, folder, SilentProgress())
    for what in (folder.bundle("id-only"), folder.prepared):
        assert "Position  categorical, context, 8 embedding rows, scored as 1" in show(what)
    assert "Position: scored as 1; the rows' own values were not read" in (folder.path / "report.html").read_text()
    predictor = Predictor.load(folder.bundle("id-only"))
    frame = pl.read_csv(path).head(500)
    line = "Position: scored as 1; the file's own values were not read"
    for told, columns in ((True, frame.columns), (False, ["user", "item"])):
        frame.select(columns).write_parquet(tmp_path / "rows.parquet")
        assert (line in predict(folder.bundle("id-only"), tmp_path / "rows.parquet", None).splitlines()) == told
    plain = predictor.score(frame.drop("Position"))
    for told in (frame, frame.with_columns(Position=pl.lit("never seen")), frame.with_columns(Position=None)):
        scored = predictor.score(told)
        np.testing.assert_array_equal(scored.probability, plain.probability)
        assert scored.unseen == {}
    # and `evaluate` scored the test rows so too
    data = prepare(parsed, folder.prepared, SilentProgress())
    texts = np.array(data.table.value_texts[0].to_pylist(), dtype=object)
    rows = texts[np.asarray(data.table.split("test").value_ids)]
    assert set(rows[:, 2]) > {"1", "2"}
    logits = np.load(folder.step("evaluate-id-only") / "logits.npy")
    expected = predictor.predict({"user": rows[:, 0], "item": rows[:, 1]})
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, rtol=1e-5)


def test_scoring_fixes_ids_and_sentences_and_training_neither(tiny_recipe, tmp_path):
    fields = tiny_recipe["data"]["source"]["fields"]
    fields[1] |= {"score_as": "Lima"}
    fields[4] |= {"score_as": 33.25}  # a price that no row holds
    data = prepare(parse_recipe(tiny_recipe), tmp_path / "prepared", SilentProgress())
    texts, _ = data.table.value_texts
    rows = np.arange(60)
    for scoring in (True, False):
        reader = data.reader(["validation"], reads="sentence", scoring=scoring)
        said, features = {}, {}
        for batch in reader.in_order(16):
            sentences = torch.tensor_split(batch.tokens.ids, batch.tokens.starts[1:])
            for row, ids, feature in zip(batch.rows.tolist(), sentences, batch.feature_ids, strict=True):
                said[row], features[row] = ids, feature
        values = data.table.split("validation").value_ids
        for row in rows.tolist():
            words = [texts[int(value)].as_py() for value in values[row]]
            if scoring:
                words[1], words[4] = "Lima", "33.25"
            sentence = sentence_of(words, data.table.schema)
            assert ("city is Lima." in sentence and "price is 33.25." in sentence) or not scoring
            whole = data.tokenizer.encode([sentence])[0][0]
            expected = [*data.tokenizer.prefix_ids, *whole, *data.tokenizer.suffix_ids]
            assert said[row].tolist() == expected
        served = data.table.vocabulary().encode({"user": ["x"]}).feature_ids[0]
        fixed = {(int(features[row][1]), int(features[row][4])) for row in rows.tolist()}
        assert (fixed == {(served[1], served[4])}) == scoring
