"""Layers of 8-bit integers against float64 arithmetic on the very integers, and encoders of them against themselves."""

import numpy as np
import pytest
import torch
from packed import apart, pack
from torch import nn

from clickprompt.contracts import Prompts
from clickprompt.language import quantized, wanted
from clickprompt.language.quantize import Int8Linear
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import FAMILIES

SPACES = ("key_value", "hidden", "first")


def by_hand(weight, bias, x):
    """The formula in float64: weights in −64 … 64 by row, activations in 0 … 255 by token."""
    step = np.abs(weight).max(axis=1) / 64
    values = np.rint(weight / step[:, None])
    low, high = np.minimum(x.min(axis=1), 0), np.maximum(x.max(axis=1), 0)
    scale = (high - low) / 255
    integers = np.floor((x - low[:, None]) / scale[:, None] + 0.5)
    assert integers.min() >= 0
    assert integers.max() <= 255
    return (scale[:, None] * integers + low[:, None]) @ (values * step[:, None]).T + bias


@pytest.mark.parametrize("width", [16, 33, 256])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_formula_of_integers(width, bias):
    torch.manual_seed(width)
    layer = nn.Linear(width, 24, bias=bias)
    x = torch.randn(7, 5, width) * torch.logspace(-3, 3, 5)[:, None] + 0.3
    offset = layer.bias.detach().double().numpy() if bias else 0
    expected = by_hand(layer.weight.detach().double().numpy(), offset, x.reshape(-1, width).double().numpy())
    found = Int8Linear(layer)(x).double().reshape(-1, 24).numpy()
    # A value that lies between two integers may go to either: an integer's worth of one weight.
    near = np.abs(found - expected) <= 1e-5 * np.abs(expected).max(axis=1, keepdims=True)
    assert near.mean() > 0.9
    exact = layer(x).detach().double().reshape(-1, 24).numpy()
    relative = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact - offset, axis=1)
    assert relative.max() < 0.03


def test_the_largest_integers_do_not_overflow():
    layer = nn.Linear(512, 4, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    with torch.no_grad():
        layer.weight[1] = -2.0
    x = torch.full((3, 512), 5.0)
    x[2] = -5.0
    expected = torch.tensor([[1.0, -1.0, 1.0, 1.0]] * 2 + [[-1.0, 1.0, -1.0, -1.0]]) * 5120
    torch.testing.assert_close(Int8Linear(layer)(x), expected, rtol=1e-4, atol=0)


def test_zeros_constants_and_nothing_are_served():
    layer = nn.Linear(8, 3)
    with torch.no_grad():
        layer.weight[0] = 0
    served = Int8Linear(layer)
    torch.testing.assert_close(served(torch.zeros(2, 8)), layer.bias.detach().expand(2, 3))
    torch.testing.assert_close(served(torch.ones(1, 8)), layer(torch.ones(1, 8)).detach(), rtol=0, atol=0.02)
    assert served(torch.zeros(1, 0, 8)).shape == (1, 0, 3)
    assert served(torch.full((1, 8), torch.nan)).isnan().all()


def test_one_tokens_outlier_leaves_the_others_as_they_were():
    torch.manual_seed(0)
    layer = Int8Linear(nn.Linear(32, 8))
    x = torch.randn(4, 32)
    spoilt = x.clone()
    spoilt[1] *= 1e4
    torch.testing.assert_close(layer(spoilt)[[0, 2, 3]], layer(x)[[0, 2, 3]], rtol=0, atol=0)
    torch.testing.assert_close(layer(x[2:3]), layer(x)[2:3], rtol=0, atol=0)


@pytest.mark.parametrize("space", [None, *SPACES])
@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_states_are_near_those_of_float32(family, space, load, batch, prompts):
    encoder = load(family).encoder
    tokens = batch()
    given = prompts(encoder, space, len(tokens)) if space else None
    given = given and Prompts(space, given.states.float())
    exact = encoder(tokens, given).last
    eight = quantized(encoder)
    rough = eight(tokens, given).last
    assert 1e-5 < (rough - exact).norm() / exact.norm() < 0.06
    # The last layer reads the same numbers where it makes states of a few tokens alone.
    chosen = wanted(tokens, "cls")
    firsts = eight(tokens, given, chosen=chosen).last
    assert (firsts - rough[tokens.starts]).norm() / firsts.norm() < 0.02


@pytest.mark.parametrize("family", FAMILIES)
@torch.inference_mode()
def test_company_changes_no_state(family, load, batch):
    encoder = quantized(load(family).encoder)
    tokens = batch()
    together = apart(encoder(tokens).last, tokens)
    for sentence, states in zip(apart(tokens.ids, tokens), together, strict=True):
        # Attention's float32 sums differ in the last digit, and a state between two integers may tip over.
        alone = encoder(pack([sentence])).last
        assert (alone - states).norm() / states.norm() < 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_the_layers_are_integers_and_all_else_is_shared(family, load):
    encoder = load(family).encoder
    before = {name: part for name, part in encoder.named_modules() if isinstance(part, nn.Linear)}
    eight = quantized(encoder)
    assert {name: part for name, part in encoder.named_modules() if isinstance(part, nn.Linear)} == before
    kinds = dict(eight.named_modules())
    inside = {name for name in before if ".layer" in name and "pooler" not in name}
    assert len(inside) >= 4 * eight.num_layers
    assert all(isinstance(kinds[name], Int8Linear) for name in inside)
    ours = dict(encoder.named_parameters())
    assert all(parameter is ours[name] for name, parameter in eight.named_parameters())
    for name in inside:
        one = torch.eye(before[name].in_features)
        torch.testing.assert_close(kinds[name](one), before[name](one).detach(), rtol=0, atol=0.01)


def test_a_pytorch_without_onednn_is_refused(load, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(ClickPromptError, match="built without oneDNN, which int8 needs; choose float32"):
        quantized(load("bert").encoder)
