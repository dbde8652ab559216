import copy
import shutil

import pytest
import torch

from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.settings import ClickPromptError


def small() -> CTRModel:
    return build_ctr_model(DCNv2Config(embedding_dim=3, cross_layers=1, hidden_sizes=(4,)), 2, 9)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_compiled_equals_plain(monkeypatch: pytest.MonkeyPatch):
    called = []
    compile = torch.compile

    def counting(function, **settings):
        compiled = compile(function, **settings)

        def run(model, embeddings):
            called.append(len(embeddings))
            return compiled(model, embeddings)

        return run

    monkeypatch.setattr(torch, "compile", counting)
    torch.manual_seed(0)
    plain, model = small(), small()
    model.load_state_dict(plain.state_dict())
    model.compile_interaction(5)
    assert called == [5], "compiled at once"
    assert all(parameter.grad is None for parameter in model.parameters())
    for rows in (5, 5, 2):
        ids = torch.randint(0, 9, (rows, 2))
        for some in (plain, model):
            some.zero_grad()
            some(ids).sum().backward()
        for name, parameter in plain.named_parameters():
            torch.testing.assert_close(model.get_parameter(name).grad, parameter.grad)
    torch.testing.assert_close(model.eval()(ids), plain.eval()(ids))
    assert called == [5, 5, 5], "the last batch and scoring are not compiled"
    assert model.state_dict().keys() == plain.state_dict().keys()


def test_a_copy_computes_with_its_own_weights(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)
    model = small()
    model.compile_interaction(2)
    other, ids = copy.deepcopy(model), torch.tensor([[0, 1], [2, 3]])
    before = other(ids)
    torch.nn.init.zeros_(model.deep[0].weight)
    assert torch.equal(other(ids), before)
    assert not torch.equal(model(ids), before)


def test_a_failing_compiler_is_named(monkeypatch: pytest.MonkeyPatch):
    def failing(function, **settings):
        def run(model, embeddings):
            raise RuntimeError("No C++ compiler\nwas found")

        return run

    monkeypatch.setattr(torch, "compile", failing)
    with pytest.raises(ClickPromptError, match=r"torch.compile failed \(No C\+\+ compiler\); leave it out"):
        small().compile_interaction(5)


def test_a_lack_of_memory_is_not_the_compilers_failure(monkeypatch: pytest.MonkeyPatch):
    def starved(*_, **__):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch, "compile", lambda function, **_: starved)
    with pytest.raises(torch.OutOfMemoryError):
        small().compile_interaction(5)
