"""Compiled layers against plain ones: the same states and gradients, and no more translations than kinds of parts."""

import shutil

import pytest
import torch
from packed import pack
from torch._dynamo.utils import counters

from clickprompt.contracts import ChosenTokens
from clickprompt.language import compile_layers
from clickprompt.settings import ClickPromptError


def sentences(*lengths):
    return pack([torch.randint(5, 100, (length,)) for length in lengths])


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # of what torch.compile itself uses
def test_the_same_function_for_batches_of_any_size(load):
    torch._dynamo.reset()
    counters.clear()
    encoder = load("bert", dropout=0.0).encoder.double().train()
    batches = [sentences(5, 7, 7), sentences(9), sentences(4, 4, 4, 4, 30)]
    chosen = [ChosenTokens(torch.tensor(positions), 2) for positions in ([1, 2, 6], [0, 3], [1, 5, 17, 40])]
    given = [(tokens, some) for tokens, words in zip(batches, chosen, strict=True) for some in (None, words)]
    plain = [states_and_gradients(encoder, *one) for one in given]
    encoder.zero_grad()
    compile_layers(encoder)
    assert encoder.training
    assert all(parameter.grad is None for parameter in encoder.parameters())
    for (states, gradients), one in zip(plain, given, strict=True):
        now, of_now = states_and_gradients(encoder, *one)
        torch.testing.assert_close(now, states, rtol=0, atol=1e-12)
        for name, gradient in gradients.items():
            torch.testing.assert_close(of_now[name], gradient, rtol=0, atol=1e-11)
    assert counters["stats"]["unique_graphs"] == 3  # output of attention, feed-forward, its output
    encoder.eval()
    assert states_and_gradients(encoder, *given[0])[0].isfinite().all()
    assert counters["stats"]["unique_graphs"] == 3


def states_and_gradients(encoder, tokens, chosen):
    encoder.zero_grad()
    last = encoder(tokens, chosen=chosen).last
    last.square().sum().backward()
    return last.detach(), {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}


def test_a_failure_says_what_to_do(load, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler\nand more")

    monkeypatch.setattr(torch, "compile", lambda function, **_: broken)
    with pytest.raises(ClickPromptError, match=r"language_model.compile: torch.compile failed \(no C\+\+ compiler\)"):
        compile_layers(load("bert").encoder)
