"""Compiled layers against plain ones: the same states and gradients, and no more translations than kinds of parts."""

import shutil
from contextlib import nullcontext

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
def test_the_same_function_for_batches_of_any_size(load, prompts):
    torch._dynamo.reset()
    counters.clear()
    encoder = load("bert", dropout=0.0).encoder.double().eval()
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_("embeddings" not in name and not name.endswith("bias"))
    batches = [sentences(5, 7, 7), sentences(9), sentences(4, 4, 4, 4, 30)]
    chosen = [ChosenTokens(torch.tensor(positions), 2) for positions in ([1, 2, 6], [0, 3], [1, 5, 17, 40])]
    given = [
        (tokens, prompts(encoder, "key_value", len(tokens)), some)
        for tokens, words in zip(batches, chosen, strict=True)
        for some in (None, words)
    ]
    encoder.train()
    plain = [states_and_gradients(encoder, *one) for one in given]
    encoder.eval()
    few = (sentences(3, 3), prompts(encoder, "key_value", 2), ChosenTokens(torch.tensor([1, 2, 4]), 2))
    modes = []
    with compile_layers(encoder, lambda: modes.append(encoder.training) or states_and_gradients(encoder, *few)):
        assert modes == [True]
        assert not encoder.training
        # Output of attention (once more for the first layer: embeddings ask for no gradient), feed-forward, its output.
        assert counters["stats"]["unique_graphs"] == 4
        encoder.train()
        for (states, gradients), one in zip(plain, given, strict=True):
            now, of_now = states_and_gradients(encoder, *one)
            torch.testing.assert_close(now, states, rtol=0, atol=1e-12)
            assert of_now.keys() == gradients.keys()
            for name, gradient in gradients.items():
                torch.testing.assert_close(of_now[name], gradient, rtol=0, atol=1e-11)
        encoder.eval()
        assert states_and_gradients(encoder, *given[0])[0].isfinite().all()
        assert counters["stats"]["unique_graphs"] == 4


def states_and_gradients(encoder, tokens, prompts, chosen):
    encoder.zero_grad()
    prompts.states.requires_grad_().grad = None
    last = encoder(tokens, prompts, chosen=chosen).last
    last.square().sum().backward()
    gradients = {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}
    return last.detach(), gradients | {"prompts": prompts.states.grad}


def own_forwards(encoder):
    return [name for name, module in encoder.named_modules() if "forward" in vars(module)]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_afterwards_the_layers_are_plain(load, monkeypatch, error):
    calls = []
    monkeypatch.setattr(torch, "compile", lambda function, **more: calls.append(more) or function)
    encoder = load("bert").encoder
    with pytest.raises(error) if error else nullcontext(), compile_layers(encoder, lambda: None):
        assert len(own_forwards(encoder)) == len(calls) == 3 * encoder.num_layers
        if error:
            raise error
    assert own_forwards(encoder) == []
    assert all(more == {"dynamic": True} for more in calls)


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (RuntimeError("no C++ compiler\nand more"), ClickPromptError, r"compile: torch.compile failed \(no C\+\+ com"),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError, "CUDA out of memory"),
        (MemoryError("none left"), MemoryError, "none left"),
    ],
    ids=["compiler", "device-memory", "memory"],
)  # fmt: skip
def test_a_failure_says_what_to_do(load, monkeypatch, error, expected, message):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(torch, "compile", lambda function, **_: broken)
    encoder = load("bert").encoder
    with pytest.raises(expected, match=message), compile_layers(encoder, lambda: encoder(sentences(3, 3))):
        pass
    assert own_forwards(encoder) == []
    assert not encoder.training
