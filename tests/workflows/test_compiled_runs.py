"""Runs with compiled layers: what is compiled, when, and by which pass. torch.compile itself is stood in for."""

from __future__ import annotations

import pytest
import torch
from safetensors.numpy import load_file

from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run
from clickprompt.workflows import compiling as workflow
from clickprompt.workflows.finetune import finetuning_inputs
from clickprompt.workflows.pretrain import pretraining_inputs

MODEL = "clickprompt-with-lm"


@pytest.fixture
def passes(monkeypatch):
    """Each call of a compiled part: what a translation depends on, and the number of words read."""
    seen = []

    def compile(function, *, dynamic):
        assert dynamic is True

        def run(part, states, *more):
            adapted = any("lora" in name for name, _ in part.named_parameters())
            asking = [x.requires_grad for x in (states, *more, *part.parameters())]
            autocast = torch.is_autocast_enabled("cpu")
            kind = (type(part).__name__, adapted, autocast, torch.is_grad_enabled(), states.dtype, tuple(asking))
            seen.append((kind, states.shape[1]))
            return function(part, states, *more)

        return run

    monkeypatch.setattr(torch, "compile", compile)
    return seen


@pytest.mark.parametrize(
    ("tuning", "precision", "pooling"),
    [
        ("full", "bfloat16", "cls"),
        ("frozen", "bfloat16", "mean"),
        ({"kind": "lora", "rank": 2}, "bfloat16", "mean"),
        ({"kind": "full", "word_embeddings": False}, "float32", "cls"),
    ],
    ids=["full", "frozen", "lora", "full-without-words"],
)
def test_training_asks_for_nothing_that_the_first_pass_did_not(
    tiny_recipe, tmp_path, passes, monkeypatch, tuning, precision, pooling
):
    read, starts = workflow._read_a_little, []

    def noting(method, *more):
        before = {name: (p.requires_grad, p.grad) for name, p in method.named_parameters()}
        starts.append(len(passes))
        read(method, *more)
        assert {name: (p.requires_grad, p.grad) for name, p in method.named_parameters()} == before

    monkeypatch.setattr(workflow, "_read_a_little", noting)
    tiny_recipe["language_model"] |= {"tuning": tuning, "compile": True, "pooling": pooling}
    for section in ("pretrain", "finetune_with_language_model"):
        tiny_recipe[section] |= {"max_steps": 1, "precision": precision}
    run(parse_recipe({**tiny_recipe, "models": [MODEL]}), RunFolder(tmp_path), SilentProgress())
    of_pretraining, of_finetuning = passes[: starts[1]], passes[starts[1] :]
    for seen in (of_pretraining, of_finetuning):
        first, training = seen[:6], seen[6:]  # two layers of three parts
        assert training
        assert all(words >= 2 for _, words in first)
        kinds = {kind for kind, _ in first}
        assert {kind for kind, _ in training} == kinds
        assert {kind[1] for kind in kinds} == {isinstance(tuning, dict) and tuning["kind"] == "lora"}
        assert {kind[2] for kind in kinds} == {precision == "bfloat16"}


def test_nothing_is_compiled_unless_asked(tiny_recipe, tmp_path, passes):
    run(parse_recipe({**tiny_recipe, "models": [MODEL]}), RunFolder(tmp_path), SilentProgress())
    assert passes == []


def test_compiling_draws_no_number_and_enters_the_fingerprint(tiny_recipe, tmp_path, passes):
    weights, inputs = [], []
    for compile in (False, True):
        tiny_recipe["language_model"]["compile"] = compile
        recipe, folder = parse_recipe({**tiny_recipe, "models": [MODEL]}), RunFolder(tmp_path / str(compile))
        run(recipe, folder, SilentProgress())
        data = prepare(recipe, folder.prepared, SilentProgress())
        weights.append(load_file(folder.bundle(MODEL) / "weights.safetensors"))
        inputs.append((pretraining_inputs(recipe, data), finetuning_inputs(recipe, MODEL, data)))
    assert passes
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert inputs[0][0] != inputs[1][0]
    assert inputs[0][1] != inputs[1][1]
