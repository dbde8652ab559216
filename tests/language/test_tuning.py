"""What LoRA computes, what it leaves behind, and what each way of tuning trains."""

import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from clickprompt.contracts import ChosenTokens, Prompts, TokenBatch
from clickprompt.language import (
    LanguageModelConfig,
    adapted,
    adapters_of,
    check_peft,
    load_language_model,
    untrained,
)
from clickprompt.language.config import FrozenTuning, FullTuning, LoRATuning
from clickprompt.language.dropout import Dropout
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import FAMILIES

LORA = LoRATuning(rank=3, alpha=6)
SPACES = ("key_value", "hidden", "first")


def sentences(lengths=(7, 7, 4), seed=0):
    ids = torch.randint(5, 60, (sum(lengths),), generator=torch.Generator().manual_seed(seed))
    places = torch.cat([torch.arange(length) for length in lengths])
    starts = torch.tensor([0, *np.cumsum(lengths)[:-1]])
    runs = [[lengths[0], 0]]
    for length in lengths:
        if runs[-1][0] != length:
            runs.append([length, 0])
        runs[-1][1] += 1
    return TokenBatch(ids, places, starts, tuple((count, length) for length, count in runs))


def prompts_for(encoder, space, rows=3, seed=1):
    layers = 1 if space == "first" else encoder.num_layers
    kinds = (2,) if space == "key_value" else ()
    shape = (layers, rows, 2, *kinds, encoder.hidden_size)
    return Prompts(space, torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def spread(encoder):
    """B starts from zero; move it, so that the adapters matter."""
    with torch.no_grad():
        for parameter in adapters_of(encoder):
            parameter.normal_(std=0.2)


def linear_layers(model):
    """The linear layers within Transformer layers."""
    layers = next(module for module in model.modules() if isinstance(module, nn.ModuleList))
    return [module for module in layers.modules() if isinstance(module, nn.Linear)]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_merged_weights_read_as_the_adapters_did(family, space, load):
    encoder = load(family, dropout=0.0).encoder.double()
    names, before = list(encoder.state_dict()), {n: w.clone() for n, w in encoder.state_dict().items()}
    tokens, prompts = sentences(), prompts_for(encoder, space)
    chosen = ChosenTokens(torch.tensor([0, 3, 9, 15]), 2)
    with adapted(encoder, LORA):
        fresh = encoder(tokens, prompts).last
        spread(encoder)
        whole, some = encoder(tokens, prompts).last, encoder(tokens, prompts, chosen=chosen).last
        weights = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    tolerance = 2e-5 if family == "modernbert" else 1e-12  # transformers rotates ModernBERT's keys in float32
    torch.testing.assert_close(encoder(tokens, prompts).last, whole, rtol=0, atol=tolerance)
    torch.testing.assert_close(some, whole[chosen.positions], rtol=0, atol=tolerance)
    assert (whole - fresh).abs().max() > 1e-2
    assert list(encoder.state_dict()) == names
    assert not hasattr(encoder.model, "peft_config")

    changed = 0
    for name, weight in encoder.state_dict().items():
        a, b = (weights.get(name.replace(".weight", f".lora_{part}.default.weight")) for part in "AB")
        added = 0 if a is None or not name.endswith(".weight") else 6 / 3 * b.numpy() @ a.numpy()
        np.testing.assert_allclose(weight, before[name].numpy() + added, rtol=0, atol=1e-12)
        changed += not torch.equal(weight, before[name])
    assert changed == len(linear_layers(encoder.model))


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_fresh_adapters_change_nothing_and_touch_every_linear_layer(family, load):
    encoder = load(family, dropout=0.0).encoder.double()
    tokens = sentences()
    expected = encoder(tokens).last
    shapes = sorted(tuple(module.weight.shape) for module in linear_layers(encoder.model))
    with adapted(encoder, LORA):
        assert torch.equal(encoder(tokens).last, expected)
        found = {name: parameter.shape for name, parameter in encoder.named_parameters() if ".lora_" in name}
        into = [shape for name, shape in found.items() if ".lora_A." in name]
        out = [found[name.replace(".lora_A.", ".lora_B.")] for name in found if ".lora_A." in name]
        assert sorted((b[0], a[1]) for a, b in zip(into, out, strict=True)) == shapes
        assert {(a[0], b[1]) for a, b in zip(into, out, strict=True)} == {(3, 3)}
        assert len(adapters_of(encoder)) == 2 * len(shapes)
    assert adapters_of(encoder) == []


@pytest.mark.parametrize("word_embeddings", [False, True])
@pytest.mark.parametrize("tuning", [FullTuning, FrozenTuning, LoRATuning], ids=["full", "frozen", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_stays_untrained(family, tuning, word_embeddings, load):
    loaded = load(family)
    encoder, head = loaded.encoder, loaded.masked_token_head
    if tuning is FrozenTuning and word_embeddings:
        with pytest.raises(ValueError, match="word_embeddings"):
            FrozenTuning(word_embeddings=True)
        return
    config = FrozenTuning() if tuning is FrozenTuning else tuning(word_embeddings=word_embeddings)
    pretrained = {f"encoder.{n}": p for n, p in encoder.named_parameters()}
    pretrained |= {f"head.{n}": p for n, p in head.named_parameters()}
    left = {id(parameter) for parameter in untrained(config, encoder, pretrained.values())}
    trained = {name for name, parameter in pretrained.items() if id(parameter) not in left}
    words = {name for name in pretrained if name.endswith(("word_embeddings.weight", "tok_embeddings.weight"))}
    assert len(words) == 1
    expected = {"full": set(pretrained) - words, "frozen": set(), "lora": set()}[config.kind]
    assert trained == expected | (words if word_embeddings else set())


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_of_lora_reach_the_adapters_and_the_prompts(family, load):
    encoder = load(family, dropout=0.0).encoder.double().train()
    tokens = sentences()
    for space in SPACES:
        prompts = prompts_for(encoder, space)
        prompts.states.requires_grad_()
        with adapted(encoder, LORA):
            spread(encoder)
            encoder(tokens, prompts).last.square().sum().backward()
            own = {id(parameter) for parameter in adapters_of(encoder)}
            for name, parameter in encoder.named_parameters():
                assert (parameter.grad is not None) == (id(parameter) in own), name
                assert parameter.grad is None or parameter.grad.abs().max() > 0, name
        assert (prompts.states.grad.flatten(2).abs().sum(2) > 0).all()


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_gradient_of_a_frozen_encoder_is_built(family, checkpointing, load):
    encoder = load(family, activation_checkpointing=checkpointing).encoder.double().train().requires_grad_(False)
    seen = []
    words = encoder.model.get_input_embeddings()
    words.register_forward_hook(lambda module, args, output: seen.append(output.requires_grad))
    prompts = prompts_for(encoder, "key_value")
    prompts.states.requires_grad_()
    encoder(sentences(), prompts).last.square().sum().backward()
    assert (prompts.states.grad.flatten(2).abs().sum(2) > 0).all()
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert seen == [False]


def test_dropout_of_adapters_acts_in_training_alone(load):
    encoder = load("bert", dropout=0.0).encoder.double().train()
    tokens = sentences()
    with adapted(encoder, LoRATuning(rank=3, dropout=0.5)):
        spread(encoder)
        assert (encoder(tokens).last - encoder(tokens).last).abs().max() > 1e-3
        encoder.eval()
        assert torch.equal(encoder(tokens).last, encoder(tokens).last)
    with adapted(encoder, LoRATuning(rank=3, dropout=0.5)):
        assert not any(module.training for module in encoder.modules())


def test_afterwards_the_same_parameters_ask_for_a_gradient(load):
    encoder = load("bert").encoder
    encoder.model.get_input_embeddings().requires_grad_(False)
    before = {name: parameter.requires_grad for name, parameter in encoder.named_parameters()}
    with adapted(encoder, LORA):
        for parameter in encoder.parameters():
            parameter.requires_grad_(False)  # as an optimizer may leave them
    assert {name: parameter.requires_grad for name, parameter in encoder.named_parameters()} == before
    assert set(before.values()) == {True, False}


def test_no_dropout_draws_one_number_at_a_time(load):
    encoder = load("bert", dropout=0.1).encoder
    with adapted(encoder, LoRATuning(rank=3, dropout=0.5)):
        shares = [module.p for module in encoder.modules() if isinstance(module, Dropout)]
        assert shares.count(0.5) == len(linear_layers_adapted(encoder))
        assert not any(type(module) is nn.Dropout for module in encoder.modules())


def linear_layers_adapted(encoder):
    return [name for name, _ in encoder.named_modules() if name.endswith(".lora_A")]


def test_a_follows_the_global_generator_and_a_failure_still_merges(load):
    encoder = load("bert").encoder
    names, drawn = list(encoder.state_dict()), []

    def stopped():
        with adapted(encoder, LORA):
            drawn.append(adapters_of(encoder)[0].clone())
            raise KeyboardInterrupt

    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        with pytest.raises(KeyboardInterrupt):
            stopped()
        assert list(encoder.state_dict()) == names
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_lora_without_peft_is_one_clear_line(load, monkeypatch):
    monkeypatch.setattr("clickprompt.language.lora.find_spec", lambda name: None)
    encoder = load("bert").encoder
    expected = (
        r'^language_model\.tuning: lora needs the package peft; pip install "clickprompt\[lora\]", or choose full$'
    )
    with pytest.raises(ClickPromptError, match=expected), adapted(encoder, LORA):
        pass


@pytest.mark.parametrize(("found", "served"), [("0.9.1", False), ("0.20.4", False), ("0.21.0", True), ("1.0rc1", True)])
def test_an_old_peft_is_named(monkeypatch, found, served):
    monkeypatch.setattr("clickprompt.language.lora.version", lambda name: found)
    expected = rf"needs peft 0\.21 or later, found {found}; pip install"
    with nullcontext() if served else pytest.raises(ClickPromptError, match=expected):
        check_peft()


def test_peft_is_imported_by_lora_alone(checkpoints):
    code = f"""
import sys
from clickprompt.language import LanguageModelConfig, load_language_model
import clickprompt.language.lora, clickprompt.workflows
load_language_model(LanguageModelConfig(name={str(checkpoints["bert"])!r}))
assert "peft" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_word_is_a_kind_of_tuning():
    assert LanguageModelConfig(tuning="lora").tuning == LoRATuning()
    assert LanguageModelConfig(tuning="frozen").tuning == FrozenTuning()
    assert LanguageModelConfig(tuning={"kind": "full", "word_embeddings": False}).tuning.word_embeddings is False
    config = LanguageModelConfig(tuning=LORA)
    assert LanguageModelConfig.model_validate(config.model_dump(mode="json")) == config


def test_loading_knows_nothing_of_tuning(checkpoints):
    name = str(checkpoints["bert"])
    plain = load_language_model(LanguageModelConfig(name=name)).encoder.state_dict()
    lora = load_language_model(LanguageModelConfig(name=name, tuning=LORA)).encoder.state_dict()
    assert plain.keys() == lora.keys()
