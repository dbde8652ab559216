"""Runs with the language model frozen, tuned by LoRA or without its word embeddings: what they train, say and save."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.evaluation import auc
from clickprompt.language.config import LoRATuning
from clickprompt.settings import ClickPromptError
from clickprompt.training import choose_device
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows.evaluate import _reading as evaluation_inputs
from clickprompt.workflows.finetune import finetune, finetuning_inputs
from clickprompt.workflows.pretrain import pretrain, pretraining_inputs
from clickprompt.workflows.recipe import load_recipe
from clickprompt.workflows.runs import NUMBERS, inputs_of
from clickprompt.workflows.scoring import score_rows
from clickprompt.workflows.tuning import language_inputs, language_learning_rate, training_inputs

LORA = {"kind": "lora", "rank": 2, "alpha": 8}
MODEL = "clickprompt-with-lm"


class Listener(SilentProgress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def changed_weights(weights, folder):
    """Names of the language model's weights that are no longer the checkpoint's, without their beginnings."""
    start = {name.removeprefix("bert."): weight for name, weight in load_file(folder / "model.safetensors").items()}
    own = {name.removeprefix("language.model."): w for name, w in weights.items() if name.startswith("language.")}
    assert own
    assert own.keys() <= start.keys()
    return {name for name, weight in own.items() if (weight != start[name]).any()}


def run_with(recipe, folder, tuning, **rates):
    recipe["language_model"]["tuning"] = tuning
    recipe["pretrain"] |= rates
    recipe["finetune_with_language_model"] |= rates
    recipe, listener = parse_recipe({**recipe, "models": [MODEL]}), Listener()
    records = run(recipe, RunFolder(folder), listener)
    pretrained = load_file(folder / "steps" / "pretrained" / "weights.safetensors")
    return recipe, records, pretrained, load_file(folder / "bundles" / MODEL / "weights.safetensors"), listener.lines


def test_lora_from_pretraining_to_prediction(tiny_recipe, tiny_bert, tiny_clicks, tmp_path):
    import polars as pl

    recipe, records, pretrained, tuned, lines = run_with(tiny_recipe, tmp_path, LORA, language_learning_rate=0.05)
    matrices = {
        f"encoder.layer.{layer}.{name}.weight"
        for layer in (0, 1)
        for name in (
            *(f"attention.self.{part}" for part in ("query", "key", "value")),
            *("attention.output.dense", "intermediate.dense", "output.dense"),
        )
    }
    assert changed_weights(pretrained, tiny_bert) == changed_weights(tuned, tiny_bert) == matrices
    again = {
        name for name in matrices if (pretrained[f"language.model.{name}"] != tuned[f"language.model.{name}"]).any()
    }
    assert again == matrices  # finetuning put new adapters on what pretraining had merged
    for name in matrices:
        added = tuned[f"language.model.{name}"] - pretrained[f"language.model.{name}"]
        assert np.linalg.matrix_rank(added.astype(np.float64), tol=1e-5 * np.abs(added).max() * 32) == 2
    assert records[0]["parameters"] == sum(weight.size for weight in tuned.values())

    # The best weights were chosen with adapters; the bundle's plain ones rank validation rows alike.
    data = prepare(recipe, tmp_path / "prepared", SilentProgress())
    method = load_bundle(tmp_path / "bundles" / MODEL).method
    rows = data.reader(["validation"], reads="sentence")
    logits = score_rows(method, rows, choose_device("cpu"), "float32")
    assert auc(np.asarray(rows.labels), logits) == pytest.approx(records[0]["validation_auc"], abs=1e-3)
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    probability = Predictor.load(tmp_path / "bundles" / MODEL).predict(frame)
    scored = np.load(tmp_path / "steps" / f"evaluate-{MODEL}" / "logits.npy")
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-scored)), rtol=2e-5)

    said = [line for line in lines if "language parameters" in line]
    for task, line in zip(("pretrain", f"finetune {MODEL}"), said, strict=True):
        match = re.fullmatch(rf"{task}: training (.+) M of (.+) M language parameters \(LoRA, rank 2\)", line)
        assert match
        adapters = (
            2 * 2 * (4 * (32 + 32) + 2 * (32 + 64))
        )  # layers · rank · (four square matrices, two of the width 64)
        assert float(match[1]) == pytest.approx(adapters / 1e6, rel=5e-3)
    of_language = sum(weight.size for name, weight in tuned.items() if name.startswith("language.model."))
    assert float(match[2]) == pytest.approx(of_language / 1e6, rel=5e-3)

    listener = Listener()
    run(recipe, RunFolder(tmp_path), listener)
    assert all("already done" in line for line in listener.lines)


def test_a_frozen_language_model_is_the_checkpoints_to_the_end(tiny_recipe, tiny_bert, tmp_path):
    *_, pretrained, tuned, lines = run_with(tiny_recipe, tmp_path, "frozen")
    assert changed_weights(pretrained, tiny_bert) == changed_weights(tuned, tiny_bert) == set()
    assert any((tuned[name] != pretrained[name]).any() for name in pretrained if name.startswith("prompts."))
    assert f"finetune {MODEL}: training 0 of" in " ".join(lines)


def test_word_embeddings_stay_and_the_rest_learns(tiny_recipe, tiny_bert, tmp_path):
    tuning = {"kind": "full", "word_embeddings": False}
    *_, pretrained, tuned, _ = run_with(tiny_recipe, tmp_path, tuning, language_learning_rate=0.01)
    words = "embeddings.word_embeddings.weight"
    for weights in (pretrained, tuned):
        changed = changed_weights(weights, tiny_bert)
        assert words not in changed
        # Without effect on any logit: segments and places that no token has are no whole weight, and each has one.
        assert {f"language.model.{name}" for name in changed} == {
            name for name in pretrained if name.startswith("language.") and not name.endswith(words)
        }


def test_lora_may_train_word_embeddings_too(tiny_recipe, tiny_bert, tmp_path):
    *_, tuned, _ = run_with(tiny_recipe, tmp_path, {**LORA, "word_embeddings": True}, language_learning_rate=0.01)
    changed = changed_weights(tuned, tiny_bert)
    assert "embeddings.word_embeddings.weight" in changed
    assert "embeddings.position_embeddings.weight" not in changed


def test_lora_at_rate_0_makes_no_adapters(tiny_recipe, tiny_bert, tmp_path):
    tiny_recipe["finetune_with_language_model"]["language_learning_rate"] = 0
    tiny_recipe["pretrain"]["language_learning_rate"] = 0.01
    _, _, pretrained, tuned, lines = run_with(tiny_recipe, tmp_path, LORA)
    assert changed_weights(pretrained, tiny_bert) == changed_weights(tuned, tiny_bert) != set()
    assert sum("LoRA" in line for line in lines) == 1


def test_gradients_by_checkpointing_are_the_same_run(tiny_recipe, tmp_path):
    weights = []
    for checkpointing in (False, True):
        tiny_recipe["language_model"]["activation_checkpointing"] = checkpointing
        *_, tuned, lines = run_with(tiny_recipe, tmp_path / str(checkpointing), "full")
        assert not any("language parameters" in line for line in lines)  # all of them: nothing to say
        weights.append(tuned)
    assert weights[0].keys() == weights[1].keys()
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


def test_fingerprints_change_where_the_result_does(tiny_recipe, tmp_path):
    recipe = parse_recipe(tiny_recipe)
    data = prepare(recipe, tmp_path / "prepared", SilentProgress())

    def fingerprints(**settings):
        changed = parse_recipe({**tiny_recipe, "language_model": {**tiny_recipe["language_model"], **settings}})
        return pretraining_inputs(changed, data), finetuning_inputs(changed, MODEL, data)

    plain = fingerprints()
    assert fingerprints(activation_checkpointing=True) == fingerprints(tuning="full") == plain
    others = [
        fingerprints(tuning=tuning)
        for tuning in ("frozen", "lora", LORA, {**LORA, "rank": 3}, {"kind": "full", "word_embeddings": False})
    ]
    for step in (0, 1):
        assert len({plain[step], *(other[step] for other in others)}) == 1 + len(others)
    for section in ("pretrain", "finetune_with_language_model"):
        tiny_recipe[section]["language_learning_rate"] = 0
    assert fingerprints() == others[0]  # frozen, said in another way


def test_fingerprints_of_recipes_without_these_settings_are_as_they_were(tiny_recipe):
    recipe = parse_recipe(tiny_recipe)
    assert set(language_inputs(recipe)) == {
        "name", "revision", "layers", "max_length", "max_value_tokens", "dropout", "permute_values"
    }  # fmt: skip
    assert training_inputs(recipe, recipe.pretrain)["language_learning_rate"] == 5e-5
    assert "language_learning_rate" not in training_inputs(recipe, recipe.finetune)


def test_the_learning_rate_is_the_sections_own_or_suits_the_tuning(tiny_recipe):
    def rates(tuning, **own):
        tiny_recipe["language_model"]["tuning"] = tuning
        recipe = parse_recipe({**tiny_recipe, "pretrain": {**tiny_recipe["pretrain"], **own}})
        assert parse_recipe(recipe.model_dump(mode="json")) == recipe
        return [language_learning_rate(recipe, c) for c in (recipe.pretrain, recipe.finetune_with_language_model)]

    assert rates("full") == [5e-5, 5e-5]
    assert rates("lora") == [3e-4, 3e-4]
    assert rates("frozen") == [0, 0]
    assert rates("frozen", language_learning_rate=0) == [0, 0]
    assert rates("lora", language_learning_rate=1e-3) == [1e-3, 3e-4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pretrain": {"language_learning_rate": 1e-5}, "tuning": "frozen"},
         "recipe: pretrain.language_learning_rate is 1e-05, but language_model.tuning is frozen; drop either"),
        ({"finetune_with_language_model": {"language_learning_rate": 1e-5}, "tuning": {"kind": "frozen"}},
         "recipe: finetune_with_language_model.language_learning_rate is 1e-05, but"),
        ({"tuning": "lorra"}, "language_model.tuning.kind: unknown 'lorra' (did you mean lora?)"),
        ({"tuning": {"kind": "lora", "rnk": 2}}, "language_model.tuning.rnk is not a setting of language_model.tuning"),
        ({"tuning": {"kind": "lora", "rank": 0}}, "language_model.tuning.rank is 0; input should be greater than 0"),
        ({"tuning": {"kind": "frozen", "word_embeddings": True}}, "word_embeddings is not a setting of"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_one_line(tiny_recipe, change, message):
    tiny_recipe["language_model"]["tuning"] = change.pop("tuning")
    with pytest.raises(ClickPromptError) as caught:
        parse_recipe({**tiny_recipe, **change})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_peft_a_run_says_so_before_it_starts(tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("clickprompt.language.lora.find_spec", lambda name: None)
    with pytest.raises(ClickPromptError, match="lora needs the package peft"):
        run_with(tiny_recipe, tmp_path / "run", LORA)
    assert not (tmp_path / "run" / "prepared").exists()

    recipe = parse_recipe(tiny_recipe)
    folder = RunFolder(tmp_path / "steps")
    data = prepare(recipe, folder.prepared, SilentProgress())
    for step in (pretrain, partial(finetune, recipe, MODEL)):
        with pytest.raises(ClickPromptError, match="lora needs the package peft"):
            step(*([recipe] if step is pretrain else []), folder, data, SilentProgress())
    assert not (folder.path / "steps").exists()
    finetune(recipe, "id-only", folder, data, SilentProgress())  # trains nothing by LoRA


def test_settings_of_training_score_no_rows_again(tiny_recipe, tmp_path):
    recipe = parse_recipe({**tiny_recipe, "models": [MODEL]})
    reading = evaluation_inputs(recipe, MODEL)
    for setting, value in (("tuning", "frozen"), ("compile", True), ("activation_checkpointing", True)):
        changed = {**tiny_recipe["language_model"], setting: value}
        assert evaluation_inputs(parse_recipe({**tiny_recipe, "language_model": changed}), MODEL) == reading
    changed = {**tiny_recipe["language_model"], "max_length": 32}
    assert evaluation_inputs(parse_recipe({**tiny_recipe, "language_model": changed}), MODEL) != reading


def test_steps_from_before_numbers_changed_are_done_again(monkeypatch):
    before = inputs_of(seed=1)
    monkeypatch.setattr("clickprompt.workflows.runs.NUMBERS", NUMBERS + 1)
    assert inputs_of(seed=1) != before


@pytest.mark.parametrize(
    "overrides",
    [["tuning=lora", "tuning.rank=4"], ["tuning.kind=lora", "tuning.rank=4"], ["tuning={kind: lora, rank: 4}"]],
)
def test_settings_may_follow_the_word_for_the_kind(tiny_recipe, tmp_path, overrides):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny_recipe))
    recipe = load_recipe(tmp_path / "mine.yaml", [f"language_model.{override}" for override in overrides])
    assert recipe.language_model.tuning == LoRATuning(rank=4)


def test_settings_without_a_kind_are_one_clear_line(tiny_recipe, tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny_recipe))
    with pytest.raises(ClickPromptError, match=r"language_model\.tuning needs a kind[^\n]*$"):
        load_recipe(tmp_path / "mine.yaml", ["language_model.tuning.rank=4"])
