"""Activation checkpointing: the same gradients, to the bit, from less that is kept."""

import numpy as np
import pytest
import torch

from clickprompt.contracts import ChosenTokens, Prompts, TokenBatch
from clickprompt.language import LanguageModelConfig, encoder_config_json, load_language_model, pool
from clickprompt.language.checkpointing import checkpoint_activations
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import FAMILIES, write_tiny_language_model

LENGTHS = (12, 12, 5)
CHOSEN = ChosenTokens(torch.tensor([0, 3, 14, 28]), 2)


def gradients(encoder, space, chosen=None, pooling="mean"):
    """Loss and every gradient of one training step with dropout; bytes kept for the backward pass."""
    ids = torch.randint(5, 60, (sum(LENGTHS),), generator=torch.Generator().manual_seed(0))
    places = torch.cat([torch.arange(length) for length in LENGTHS])
    tokens = TokenBatch(ids, places, torch.tensor([0, *np.cumsum(LENGTHS)[:-1]]), ((2, 12), (1, 5)))
    shape = (1 if space == "first" else encoder.num_layers, 3, 2, *((2,) if space == "key_value" else ()), 32)
    states = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    encoder.zero_grad(set_to_none=True)
    torch.manual_seed(2)
    kept = []

    def keep(tensor):
        kept.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = encoder(tokens, Prompts(space, states), keep=pooling, chosen=chosen)
        loss = (found.last if chosen else pool(found, tokens, pooling)).square().sum()
    bytes_kept = sum(kept)
    loss.backward()
    own = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    return {"loss": loss.detach(), "prompts": states.grad, **own}, bytes_kept


def test_nothing_is_said_and_other_layers_are_refused(tmp_path, capfd):
    name = str(write_tiny_language_model(tmp_path / "lm"))
    encoder = load_language_model(LanguageModelConfig(name=name, activation_checkpointing=True)).encoder
    gradients(encoder.double().train(), "key_value")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    encoder.model.config.num_hidden_layers = 3
    with pytest.raises(ClickPromptError, match="layers of bert models cannot be run twice; leave it out"):
        checkpoint_activations(encoder.model)


CASES = [
    *((space, "mean", chosen) for space in ("key_value", "hidden", "first") for chosen in (None, CHOSEN)),
    ("key_value", "mean_first_last", None),
    ("first", "mean_last_two", None),
]


@pytest.mark.parametrize(("space", "pooling", "chosen"), CASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_gradients_to_the_bit_from_less_that_is_kept(family, space, pooling, chosen, checkpoints):
    runs = []
    for checkpointing in (False, True):
        config = LanguageModelConfig(name=str(checkpoints[family]), dropout=0.3, activation_checkpointing=checkpointing)
        encoder = load_language_model(config).encoder.double().train()
        runs.append(gradients(encoder, space, chosen, pooling))
    (plain, much), (again, little) = runs
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        assert (gradient is None) == (again[name] is None), name
        assert gradient is None or torch.equal(gradient, again[name]), name
    assert little < much / 2


def test_it_is_a_matter_of_training_alone(tmp_path):
    name = str(write_tiny_language_model(tmp_path / "lm"))
    plain = load_language_model(LanguageModelConfig(name=name)).encoder
    saving = load_language_model(LanguageModelConfig(name=name, activation_checkpointing=True)).encoder
    assert encoder_config_json(saving) == encoder_config_json(plain)
    assert saving.state_dict().keys() == plain.state_dict().keys()
