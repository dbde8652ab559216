"""Whole runs of text-features: what the language model reads, how often, and that bundles score as runs did."""

from __future__ import annotations

import shutil

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModel

from clickprompt.bundle import Predictor
from clickprompt.bundle.value_reader import ValueReader
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config, tiny_lists_config, write_tiny_lists
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows.finetune import finetuning_inputs

MODEL = "text-features"


def recipe_of(data, tiny_bert, **changes):
    return {
        "data": data,
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": MODEL},
        "finetune": {"epochs": 3, "batch_size": 32, "ctr_learning_rate": 0.01},
        "models": [MODEL],
        "seed": 1,
        **changes,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_clicks, tiny_bert):
    recipe, folder = recipe_of(tiny_data_config(tiny_clicks), tiny_bert), RunFolder(tmp_path_factory.mktemp("run"))
    return recipe, folder, run(parse_recipe(recipe), folder, SilentProgress())


def vectors_folder(folder):
    (stored,) = folder.path.glob("prepared.vectors/*")
    return stored


def test_it_learns_and_the_bundle_scores_as_the_run_did(finished, tiny_clicks):
    _, folder, records = finished
    assert records[0]["auc"] > 0.6
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    logits = np.load(folder.step(f"evaluate-{MODEL}") / "logits.npy")
    predictor = Predictor.load(folder.bundle(MODEL))
    np.testing.assert_allclose(predictor.predict(frame), 1 / (1 + np.exp(-logits)), rtol=2e-5)


def test_the_encoder_stays_as_it_was_and_the_projection_moved(finished, tiny_bert):
    _, folder, _ = finished
    weights, start = load_file(folder.bundle(MODEL) / "weights.safetensors"), load_file(tiny_bert / "model.safetensors")
    own = {name.removeprefix("language.model."): w for name, w in weights.items() if name.startswith("language.")}
    assert own
    assert all((weight == start[f"bert.{name}"]).all() for name, weight in own.items())
    assert (weights["projection.weight"] != 0).any()


@pytest.mark.parametrize("pooling", ["cls", "mean_last_two"])
def test_stored_vectors_are_the_pooled_states_of_each_values_piece(tiny_clicks, tiny_bert, tmp_path, pooling):
    recipe = recipe_of(tiny_data_config(tiny_clicks), tiny_bert)
    recipe["language_model"]["pooling"] = pooling
    data = prepare(parse_recipe(recipe), tmp_path / "prepared", SilentProgress())
    model = AutoModel.from_pretrained(tiny_bert).eval()
    texts, fields = data.table.value_texts
    for value in (0, 45, 80, len(texts) - 1):
        assert data.table.held[value]
        piece = f"{data.table.schema.names[fields[value]]} is {texts[value].as_py()}."
        ids = [*data.tokenizer.prefix_ids, *data.tokenizer.encode([piece])[0][0], *data.tokenizer.suffix_ids]
        with torch.no_grad():
            states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        expected = states[-1][0, 0] if pooling == "cls" else ((states[-1] + states[-2]) / 2)[0].mean(0)
        expected = expected.double().numpy()
        expected /= np.sqrt((expected**2).sum())
        np.testing.assert_allclose(data.vectors.vectors[value], expected, rtol=1e-4, atol=1e-6)
    assert (data.vectors.vectors[~data.table.held] == 0).all()


def test_each_value_is_read_once_and_another_seed_reads_none(tiny_clicks, tiny_bert, tmp_path, sentences_read):
    recipe = recipe_of(tiny_data_config(tiny_clicks), tiny_bert)
    held = prepare(parse_recipe(recipe), tmp_path / "prepared", SilentProgress()).table.held
    assert sum(sentences_read) == held.sum()
    sentences_read.clear()
    other = {**recipe, "seed": 2}
    other["language_model"] = {**recipe["language_model"], "permute_values": 3}
    prepare(parse_recipe(other), tmp_path / "prepared", SilentProgress())
    assert sentences_read == []
    other["language_model"] = {**recipe["language_model"], "layers": 1}
    prepare(parse_recipe(other), tmp_path / "prepared", SilentProgress())
    assert sum(sentences_read) == held.sum()


def test_a_damaged_store_is_noticed(finished, tmp_path):
    recipe, folder, _ = finished
    shutil.copytree(folder.path, tmp_path / "run")
    copy = RunFolder(tmp_path / "run")
    stored = vectors_folder(copy) / "vectors.npy"
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    with pytest.raises(ClickPromptError, match=r"vectors\.npy: changed since it was written"):
        run(parse_recipe(recipe), copy, SilentProgress())


def test_permuted_words_are_other_vectors_of_the_same_field(finished):
    recipe, folder, _ = finished
    permuted = {**recipe, "language_model": {**recipe["language_model"], "permute_values": 1}}
    plain, other = (prepare(parse_recipe(r), folder.prepared, SilentProgress()) for r in (recipe, permuted))
    rows = np.arange(20)
    one, two = (d.reader(["train"], reads="values") for d in (plain, other))
    a, b = (reader.batch(rows, reader.ids(rows)) for reader in (one, two))
    assert torch.equal(a.feature_ids, b.feature_ids)
    spoken = other.sentences.permutation[np.array(one.values_of(rows))]
    np.testing.assert_array_equal(b.value_vectors.numpy(), plain.vectors.vectors[spoken])
    assert not torch.equal(a.value_vectors, b.value_vectors)


def test_cold_values_are_told_apart_by_their_words(finished):
    _, folder, _ = finished
    row = {"user": "u1", "city": "Oslo", "item": "i2", "price": 12.5}
    predictor = Predictor.load(folder.bundle(MODEL))
    one, other = predictor.predict([{**row, "title": "brilliant new"}, {**row, "title": "broken new"}])
    assert one != other


def test_a_value_that_comes_again_is_not_read_again(finished, sentences_read):
    _, folder, _ = finished
    predictor = Predictor.load(folder.bundle(MODEL))
    row = {"user": "u1", "city": "Oslo", "item": "i2", "title": "golden lamp 2", "price": 12.5}
    first = predictor.predict([row] * 3)
    assert sum(sentences_read) == 5
    np.testing.assert_allclose(predictor.predict([row]), first[:1], rtol=1e-6)
    assert sum(sentences_read) == 5
    predictor.predict([row, {**row, "title": "x"}])
    assert sum(sentences_read) == 6
    assert predictor.predict([]).shape == (0,)


def test_few_vectors_are_kept_and_those_are_the_last(finished, sentences_read):
    _, folder, _ = finished
    predictor = Predictor.load(folder.bundle(MODEL))
    bundle, (encoder,) = predictor.bundle, predictor.method.encoders()
    schema = bundle.vocabulary.schema
    reader = ValueReader(encoder, schema, bundle.tokenizer, bundle.language, predictor.device, "float32", most=2)
    every = reader.read([["a", "b"], ["c"]])
    assert sentences_read == [3]
    np.testing.assert_array_equal(reader.read([["b"], ["c"]]), every[1:])
    assert sentences_read == [3]
    np.testing.assert_allclose(reader.read([["c"], ["c"]])[1], every[2], rtol=1e-6)  # the same word, two fields
    assert sentences_read == [3, 1]
    reader.read([["b"], []])  # gave way to the two others
    assert sentences_read == [3, 1, 1]


def test_int8_and_bfloat16_serve_it_too(finished, tiny_clicks):
    _, folder, _ = finished
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    plain = Predictor.load(folder.bundle(MODEL)).predict(frame)
    for precision in ("int8", "bfloat16"):
        coarse = Predictor.load(folder.bundle(MODEL), precision=precision).predict(frame)
        assert 0 < np.abs(coarse - plain).max() < 0.1


def test_what_the_vectors_are_decides_the_result(finished):
    recipe, folder, _ = finished
    data = prepare(parse_recipe(recipe), folder.prepared, SilentProgress())
    inputs = {finetuning_inputs(parse_recipe(recipe), MODEL, data)}
    for change in ({"pooling": "cls"}, {"layers": 1}, {"permute_values": 1}, {"max_length": 32}):
        changed = {**recipe, "language_model": {**recipe["language_model"], **change}}
        inputs.add(finetuning_inputs(parse_recipe(changed), MODEL, data))
    assert len(inputs) == 5
    plain = {finetuning_inputs(parse_recipe(r), "id-only", data) for r in ({**recipe, "models": None}, recipe)}
    assert len(plain) == 1


def test_lists_and_hashed_values_bring_their_words(tiny_bert, tmp_path):
    write_tiny_lists(tmp_path, rows=200)
    recipe = recipe_of(tiny_lists_config(tmp_path), tiny_bert)
    recipe["finetune"]["epochs"] = 1
    folder = RunFolder(tmp_path / "run")
    run(parse_recipe(recipe), folder, SilentProgress())
    frame = pl.read_parquet(tmp_path / "histories.parquet").tail(20)
    logits = np.load(folder.step(f"evaluate-{MODEL}") / "logits.npy")
    probability = Predictor.load(folder.bundle(MODEL)).predict(frame)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logits)), rtol=2e-5)
