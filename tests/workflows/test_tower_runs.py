"""Whole runs of CTR-BERT: what it trains, what it reads, and that it is served as it was measured."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.evaluation import auc
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config
from clickprompt.training import choose_device
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows import compiling as workflow
from clickprompt.workflows.finetune import finetune, finetuning_inputs
from clickprompt.workflows.scoring import score_rows

MODEL = "ctr-bert"


class Listener(SilentProgress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def recipe_of(tiny_clicks, tiny_bert, **changes):
    return {
        "data": tiny_data_config(tiny_clicks),
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": MODEL, "hidden_sizes": [16]},
        "finetune_with_language_model": {"max_steps": 3, "batch_size": 32, "evaluations_per_epoch": 1},
        "models": [MODEL],
        "seed": 1,
        **changes,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_clicks, tiny_bert):
    recipe = recipe_of(tiny_clicks, tiny_bert)
    recipe["finetune_with_language_model"] |= {"max_steps": None, "epochs": 2, "micro_batch_size": 16}
    recipe["finetune_with_language_model"] |= {"ctr_learning_rate": 0.01, "language_learning_rate": 0.003}
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    return recipe, folder, run(parse_recipe(recipe), folder, SilentProgress())


def trained(recipe, folder, listener=None):
    recipe, folder, listener = parse_recipe(recipe), RunFolder(folder), listener or SilentProgress()
    finetune(recipe, MODEL, folder, prepare(recipe, folder.prepared, listener), listener)
    return load_file(folder.bundle(MODEL) / "weights.safetensors")


def rows_of(tiny_clicks):
    return pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)


def test_it_learns(finished):
    recipe, folder, _ = finished
    data = prepare(parse_recipe(recipe), folder.prepared, SilentProgress())
    reader = data.reader(["train"], reads="sides")
    logits = score_rows(load_bundle(folder.bundle(MODEL)).method, reader, choose_device("cpu"), "float32")
    assert auc(np.asarray(reader.labels), logits) > 0.6


def test_the_bundle_scores_as_the_run_did(finished, tiny_clicks):
    _, folder, records = finished
    assert [record["model"] for record in records] == [MODEL]
    logits = np.load(folder.step(f"evaluate-{MODEL}") / "logits.npy")
    predictor = Predictor.load(folder.bundle(MODEL))
    np.testing.assert_allclose(predictor.predict(rows_of(tiny_clicks)), 1 / (1 + np.exp(-logits)), rtol=2e-5)
    assert len(load_bundle(folder.bundle(MODEL)).method.encoders()) == 2


def test_a_second_run_does_nothing_again(finished):
    recipe, folder, records = finished
    listener = Listener()
    assert run(parse_recipe(recipe), folder, listener) == records
    assert len(listener.lines) == 1
    assert "already done" in listener.lines[0]


def test_scoring_reads_each_distinct_sentence_once(finished, tiny_clicks, sentences_read):
    recipe, folder, _ = finished
    frame = pl.concat([rows_of(tiny_clicks)] * 7)
    users, items = (frame.select(*names).n_unique() for names in (("user", "city"), ("item", "title", "price")))
    assert users + items < 120 < len(frame)
    Predictor.load(folder.bundle(MODEL)).predict(frame)
    assert sum(sentences_read) == users + items
    sentences_read.clear()
    data = prepare(parse_recipe(recipe), folder.prepared, SilentProgress())
    reader = data.reader(["test"], reads="sides", scoring=True)
    heard = []
    device = choose_device("cpu")
    logits = score_rows(
        load_bundle(folder.bundle(MODEL)).method, reader, device, "float32", lambda n, _: heard.append(n), 16
    )
    assert sum(sentences_read) == users + items
    assert max(sentences_read) == 16
    assert heard == sorted(heard)
    assert heard[-1] == len(reader) == 60
    np.testing.assert_allclose(logits, np.load(folder.step(f"evaluate-{MODEL}") / "logits.npy"), atol=1e-6)


def test_batches_of_rows_score_as_the_two_steps_do(finished):
    recipe, folder, _ = finished
    data = prepare(parse_recipe(recipe), folder.prepared, SilentProgress())
    reader = data.reader(["test"], reads="sides", scoring=True)
    method = load_bundle(folder.bundle(MODEL)).method
    logits = np.empty(60, np.float32)
    with torch.inference_mode():
        for batch in reader.in_order(7):
            logits[batch.rows.numpy()] = method(batch).logits.numpy()
    np.testing.assert_allclose(logits, score_rows(method, reader, choose_device("cpu"), "float32"), atol=1e-6)


def test_company_order_and_emptiness_change_no_score(finished, tiny_clicks):
    _, folder, _ = finished
    predictor = Predictor.load(folder.bundle(MODEL))
    frame = rows_of(tiny_clicks).head(5)
    scores = predictor.predict(frame)
    np.testing.assert_allclose(predictor.predict(frame.reverse())[::-1], scores, rtol=1e-5)
    alone = np.concatenate([predictor.predict(row) for row in frame.iter_slices(1)])
    np.testing.assert_allclose(alone, scores, rtol=1e-5)
    assert predictor.predict([]).shape == (0,)


def test_int8_reads_with_both_towers(finished, tiny_clicks):
    _, folder, _ = finished
    frame = rows_of(tiny_clicks)
    plain, coarse = (Predictor.load(folder.bundle(MODEL), precision=p).predict(frame) for p in ("float32", "int8"))
    assert 0 < np.abs(plain - coarse).max() < 0.1


def test_lora_is_merged_into_both_towers(tiny_clicks, tiny_bert, tmp_path):
    recipe = recipe_of(tiny_clicks, tiny_bert)
    recipe["language_model"]["tuning"] = {"kind": "lora", "rank": 2}
    recipe["finetune_with_language_model"]["language_learning_rate"] = 0.05
    listener = Listener()
    weights = trained(recipe, tmp_path, listener)
    query = "encoder.layer.0.attention.self.query.weight"
    start = load_file(tiny_bert / "model.safetensors")[f"bert.{query}"]
    for tower in (0, 1):
        added = weights[f"towers.{tower}.model.{query}"] - start
        assert np.linalg.matrix_rank(added.astype(np.float64), tol=1e-4 * np.abs(added).max()) == 2
    assert any("(LoRA, rank 2)" in line for line in listener.lines)


def test_frozen_towers_stay_and_a_shared_one_is_kept_once(tiny_clicks, tiny_bert, tmp_path):
    recipe = recipe_of(tiny_clicks, tiny_bert)
    recipe["language_model"]["tuning"] = "frozen"
    recipe["method"]["shared_encoder"] = True
    weights = trained(recipe, tmp_path)
    start = load_file(tiny_bert / "model.safetensors")
    own = {name.removeprefix("towers.0.model."): w for name, w in weights.items() if name.startswith("towers.")}
    assert not any(name.startswith("towers.1.") for name in weights)
    assert own
    assert all((weight == start[f"bert.{name}"]).all() for name, weight in own.items())


def test_both_towers_are_compiled_by_passes_like_those_of_training(tiny_clicks, tiny_bert, tmp_path, monkeypatch):
    passes, starts, read = [], [], workflow._read_a_little

    def compile(function, *, dynamic):
        def run(part, states, *more):
            asking = tuple(x.requires_grad for x in (states, *more, *part.parameters()))
            passes.append((type(part).__name__, asking, states.shape[1]))
            return function(part, states, *more)

        return run

    def noting(*args):
        starts.append(len(passes))
        read(*args)

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(workflow, "_read_a_little", noting)
    recipe = recipe_of(tiny_clicks, tiny_bert)
    recipe["language_model"]["compile"] = True
    recipe["finetune_with_language_model"]["max_steps"] = 1
    trained(recipe, tmp_path)
    assert starts == [0, 6]  # two towers of two layers of three parts
    first, training = passes[:12], passes[12:]
    assert [words for *_, words in first[:6]] == [6, 6, 6, 2, 2, 2]  # the last layer works for [CLS] alone
    assert {kind[:2] for kind in training} == {kind[:2] for kind in first}


@pytest.mark.parametrize(("side", "other"), [("user", "item"), ("item", "user")])
def test_a_table_without_a_side_is_refused(tiny_clicks, tiny_bert, tmp_path, side, other):
    recipe = recipe_of(tiny_clicks, tiny_bert)
    for field in recipe["data"]["source"]["fields"]:
        field["side"] = other
    expected = f"data: no field has side {side} (user, city, item, title, price)"
    with pytest.raises(ClickPromptError, match=rf"^{re.escape(expected)}.*; set side: {side} where it is so$"):
        trained(recipe, tmp_path)


def test_other_towers_are_trained_again(finished):
    recipe, folder, _ = finished
    data = prepare(parse_recipe(recipe), folder.prepared, SilentProgress())
    other = {**recipe, "method": {**recipe["method"], "shared_encoder": True}}
    assert finetuning_inputs(parse_recipe(recipe), MODEL, data) != finetuning_inputs(parse_recipe(other), MODEL, data)
