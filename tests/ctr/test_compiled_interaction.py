import shutil

import pytest
import torch

from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.settings import ClickPromptError


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_compiled_equals_plain_and_is_compiled_once(monkeypatch: pytest.MonkeyPatch):
    compilations = []
    compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **settings: counted(compile(function, **settings)))

    def counted(function):
        def run(embeddings):
            compilations.append(len(embeddings))
            return function(embeddings)

        return run

    torch.manual_seed(0)
    plain = build_ctr_model(DCNv2Config(embedding_dim=3, cross_layers=1, hidden_sizes=(4,)), 2, 9)
    compiled = build_ctr_model(DCNv2Config(embedding_dim=3, cross_layers=1, hidden_sizes=(4,)), 2, 9)
    compiled.load_state_dict(plain.state_dict())
    compiled.compile_interaction()
    for rows in (5, 5, 2):
        ids = torch.randint(0, 9, (rows, 2))
        for model in (plain, compiled):
            model.zero_grad()
            model(ids).sum().backward()
        for name, parameter in plain.named_parameters():
            torch.testing.assert_close(compiled.get_parameter(name).grad, parameter.grad)
    torch.testing.assert_close(compiled.eval()(ids), plain.eval()(ids))
    assert compilations == [5, 5], "the last batch and scoring are not compiled"
    assert compiled.state_dict().keys() == plain.state_dict().keys()


def test_a_failing_compiler_is_named(monkeypatch: pytest.MonkeyPatch):
    def compile(function, **settings):
        def run(embeddings):
            raise RuntimeError("No C++ compiler\nwas found")

        return run

    monkeypatch.setattr(torch, "compile", compile)
    model = build_ctr_model(DCNv2Config(embedding_dim=3, cross_layers=1, hidden_sizes=(4,)), 2, 9)
    model.compile_interaction()
    with pytest.raises(ClickPromptError, match=r"torch.compile failed \(No C\+\+ compiler\); leave it out"):
        model(torch.zeros(5, 2, dtype=torch.int64))
