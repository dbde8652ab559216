"""Dropout by its definition: the share that falls, the scale of what stays, gradients, seeds."""

import pytest
import torch
from scipy import stats
from torch import nn

from clickprompt.contracts import Prompts
from clickprompt.language.dropout import Dropout, drop


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_each_number_falls_with_the_share_and_the_mean_stays(share):
    torch.manual_seed(0)
    states = torch.ones(400, 301)  # no multiple of what is drawn at once
    out = drop(states, share)
    fallen = (out == 0).float()
    assert stats.binomtest(int(fallen.sum()), states.numel(), share).pvalue > 1e-3
    assert out[out != 0].unique().numel() == 1
    assert out.max().item() == pytest.approx(1 / (1 - share), rel=1e-4)
    for dim in (0, 1):  # no row, column or neighbour is favoured
        spread = fallen.mean(dim).std() / (share * (1 - share) / states.shape[dim]) ** 0.5
        assert spread.item() == pytest.approx(1, abs=0.15)
    pairs = (fallen.flatten()[1:] * fallen.flatten()[:-1]).mean().item()
    assert pairs == pytest.approx(share**2, rel=0.05)


def test_the_gradient_goes_through_what_stayed():
    states = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    out = drop(states, 0.4)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    stayed = (out != 0).double()
    torch.testing.assert_close(states.grad, weight * stayed * (out / states).max().detach())


def test_seeds_decide():
    states = torch.ones(1000)
    torch.manual_seed(3)
    first, second = drop(states, 0.5), drop(states, 0.5)
    torch.manual_seed(3)
    assert torch.equal(drop(states, 0.5), first)
    assert not torch.equal(first, second)


def test_nothing_falls_outside_training_or_without_a_share():
    states = torch.randn(50)
    assert torch.equal(Dropout(0.5).eval()(states), states)
    assert torch.equal(Dropout(0.0).train()(states), states)
    assert torch.equal(drop(states, 1.0), torch.zeros(50))


def test_attention_with_dropout_is_right_on_average(load, batch, prompts):
    encoder = load("modernbert", dropout=0.0, layers=2).encoder
    tokens = batch((12, 12, 5))
    given = Prompts("key_value", prompts(encoder, "key_value", 3).states.float())
    attention = encoder.model.layers[0].attn
    seen = []
    attention.Wo.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    with torch.no_grad():
        encoder(tokens, given)
        encoder.train()
        attention.attention_dropout = 0.2
        for _ in range(600):
            encoder(tokens, given)
    exact, drawn = seen[0], torch.stack(seen[1:])
    error = (drawn.mean(0) - exact).abs() / (drawn.std(0) / 600**0.5 + 1e-6)
    assert error.mean() < 1.0  # of a normal number: 0.8
    assert error.max() < 6
    assert isinstance(next(m for m in encoder.modules() if isinstance(m, nn.Dropout)), Dropout)
