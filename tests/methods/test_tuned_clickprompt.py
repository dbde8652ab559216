"""Which of ClickPrompt's parameters get a gradient, for each way of tuning and each family."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch

from clickprompt.contracts import ClickBatch, MaskedTokens, TokenBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, adapted, load_language_model
from clickprompt.methods import ClickPrompt, ClickPromptConfig
from clickprompt.testing.language_models import write_tiny_language_model
from clickprompt.training import TrainingConfig, build_optimizer

FAMILIES = ("bert", "roberta", "distilbert", "modernbert", "electra")
WORDS = ("word_embeddings.weight", "tok_embeddings.weight")
RATES = {"ctr": 1e-3, "language": 1e-3}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("families")
    return {family: write_tiny_language_model(root / family, family, 1) for family in FAMILIES}


def clickprompt(folder, tuning):
    torch.manual_seed(0)
    settings = LanguageModelConfig(name=str(folder), dropout=0.0, tuning=tuning)
    loaded = load_language_model(settings)
    ctr = build_ctr_model(DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(6,)), 3, 20)
    method = ClickPrompt(ClickPromptConfig(), ctr, loaded.encoder, "mean", settings.tuning)
    method.masked_token_head = loaded.masked_token_head
    return method.train()


def batch():
    ids = torch.randint(5, 60, (16,), generator=torch.Generator().manual_seed(3))
    tokens = TokenBatch(ids, torch.arange(8).repeat(2), torch.tensor([0, 8]), ((2, 8),))
    return ClickBatch(
        rows=torch.arange(2),
        feature_ids=torch.tensor([[0, 7, 14], [1, 8, 15]]),
        labels=torch.tensor([0.0, 1.0]),
        tokens=tokens,
        masked=MaskedTokens(torch.tensor([2, 4, 11]), 2, ids[[2, 4, 11]]),
    )


def trained_names(method, loss):
    """Names of the language model's parameters that one step moved."""
    before = {name: parameter.detach().clone() for name, parameter in method.named_parameters()}
    with build_optimizer(method.parts(), RATES, TrainingConfig()) as optimizer:
        loss(batch()).backward()
        received = {name for name, parameter in method.named_parameters() if parameter.grad is not None}
        optimizer.step()
    moved = {name for name, parameter in method.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved <= received
    assert {name for name in received if name.startswith(("ctr.", "prompts."))}
    return {name for name in received if name.startswith(("language.", "masked_token_head."))}


@pytest.mark.parametrize(
    "tuning",
    [
        "full",
        {"kind": "full", "word_embeddings": False},
        "frozen",
        {"kind": "lora", "rank": 2},
        {"kind": "lora", "rank": 2, "word_embeddings": True},
    ],
    ids=["full", "full-without-words", "frozen", "lora", "lora-with-words"],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_flow_where_the_tuning_says(family, tuning, checkpoints):
    method = clickprompt(checkpoints[family], tuning)
    every = {name for name, _ in method.named_parameters() if name.startswith(("language.", "masked_token_head."))}
    words = {name for name in every if name.endswith(WORDS)}
    assert len(words) == 1
    kind, with_words = method.tuning.kind, getattr(method.tuning, "word_embeddings", False)
    with ExitStack() as stack:
        if kind == "lora":
            stack.enter_context(adapted(method.language, method.tuning))
        got = trained_names(method, method.pretraining_loss)
        adapters = {name for name, _ in method.named_parameters() if ".lora_" in name}
        left = {id(p) for p in method.frozen_parameters()}
        assert all(not p.requires_grad and p.grad is None for p in method.parameters() if id(p) in left)
    rest = {"full": every - words, "frozen": set(), "lora": adapters}[kind]
    assert adapters or kind != "lora"
    assert got == rest | (words if with_words else set())


def test_a_new_head_learns_beside_a_frozen_language_model(checkpoints):
    method = clickprompt(checkpoints["bert"], "frozen")
    method.masked_token_head.is_new = True
    got = trained_names(method, method.pretraining_loss)
    assert got == {f"masked_token_head.{name}" for name, _ in method.masked_token_head.named_parameters()}


def test_every_parameter_is_in_one_part(checkpoints):
    method = clickprompt(checkpoints["electra"], {"kind": "lora", "rank": 2})
    with adapted(method.language, method.tuning):
        every = [id(parameter) for part in method.parts().values() for parameter in part]
        assert len(every) == len(set(every)) == len(list(method.parameters()))
