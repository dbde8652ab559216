"""The library computes what the benchmarks' plain model computes: padded sentences, the head at every token."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForMaskedLM

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.language.quiet import quiet_transformers
from clickprompt.methods import ClickPrompt, ClickPromptConfig, PromptConfig
from clickprompt.testing.language_models import write_tiny_language_model

FIELDS, EMBEDDINGS, PROMPTS = 3, 20, 2
LENGTHS = np.array([6, 6, 7, 9, 9, 9, 11])
EXACT = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(scope="module")
def plain() -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / "recipe_model.py"
    spec = importlib.util.spec_from_file_location("recipe_model", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_language_model(tmp_path_factory.mktemp("roberta"), "roberta")


@pytest.fixture(params=["bert", "roberta"])
def checkpoint(request: pytest.FixtureRequest, tiny_bert: Path, tiny_roberta: Path) -> Path:
    return tiny_bert if request.param == "bert" else tiny_roberta


def id_model() -> CTRModel:
    config = DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(6,), embedding_std=0.5)
    return build_ctr_model(config, FIELDS, EMBEDDINGS)


def both(plain: ModuleType, folder: Path, pooling: str = "mean") -> tuple[ClickPrompt, nn.Module]:
    """The library's method and the plain one, with the same weights, in float64, without dropout."""
    torch.manual_seed(0)
    loaded = load_language_model(LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0))
    config = ClickPromptConfig(prompt=PromptConfig(length=PROMPTS), alpha=0.3)
    method = ClickPrompt(config, id_model(), loaded.encoder, pooling)
    weights = dict(method.state_dict())
    method.masked_token_head = loaded.masked_token_head
    shape = AutoConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    with quiet_transformers():
        language = AutoModelForMaskedLM.from_pretrained(folder, config=shape, attn_implementation=plain.ATTENTION)
    recipe = plain.PaperRecipe(language, id_model(), PROMPTS, pooling)
    recipe.load_library_weights({name: w for name, w in weights.items() if not name.startswith("language.")})
    return method.double().train(), recipe.double().train()


def rows() -> ClickBatch:
    random = np.random.default_rng(3)
    ids = random.integers(5, 60, LENGTHS.sum())
    positions = np.sort(random.choice(len(ids), 9, replace=False))
    return ClickBatch(
        rows=torch.arange(len(LENGTHS)),
        feature_ids=torch.from_numpy(random.integers(0, EMBEDDINGS, (len(LENGTHS), FIELDS))),
        labels=torch.from_numpy(random.integers(0, 2, len(LENGTHS)).astype(float)),
        tokens=token_batch(ids, LENGTHS),
        masked=masked_tokens(positions, random.integers(5, 60, len(positions)), LENGTHS),
    )


def padded(flat: Tensor, filling: int) -> Tensor:
    """(tokens,) → (batch, longest), filled on the right."""
    return torch.nn.utils.rnn.pad_sequence(flat.split(LENGTHS.tolist()), batch_first=True, padding_value=filling)


def plain_inputs(batch: ClickBatch, recipe: nn.Module) -> dict[str, Tensor]:
    ids = padded(batch.tokens.ids, recipe.language.config.pad_token_id)
    return {"ids": ids, "mask": padded(torch.ones_like(batch.tokens.ids), 0), "feature_ids": batch.feature_ids}


def assert_gradients_agree(method: ClickPrompt, recipe: nn.Module, silent: tuple[str, ...]) -> None:
    """Every weight but those whose names begin with `silent` has a gradient, and the plain model's is the same."""
    theirs = dict(recipe.named_parameters(remove_duplicate=False))
    prefix = recipe.language.base_model_prefix
    renamed = {"language.model.": f"language.{prefix}.", "masked_token_head.model.": "language.", ".project.": "."}
    for name, parameter in method.named_parameters():
        if name.startswith(silent):
            continue
        plain_name = name
        for own, other in renamed.items():
            plain_name = plain_name.replace(own, other)
        assert parameter.grad.abs().sum() > 0, name
        torch.testing.assert_close(parameter.grad, theirs[plain_name].grad, **EXACT, msg=lambda m, n=name: f"{n}: {m}")


def test_pretraining_loss_and_gradients_agree(plain, checkpoint):
    (method, recipe), batch = both(plain, checkpoint), rows()
    targets = torch.full_like(batch.tokens.ids, -100)
    targets[batch.masked.positions] = batch.masked.targets
    loss = method.pretraining_loss(batch) / method.pretraining_amount(batch)
    expected = recipe.pretraining_loss(**plain_inputs(batch, recipe), targets=padded(targets, -100))
    torch.testing.assert_close(loss, expected, **EXACT)
    loss.backward()
    expected.backward()
    assert_gradients_agree(method, recipe, silent=("ctr.output", "language_head", "alpha"))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_click_loss_logits_and_gradients_agree(plain, checkpoint, pooling):
    (method, recipe), batch = both(plain, checkpoint, pooling), rows()
    inputs = plain_inputs(batch, recipe)
    torch.testing.assert_close(method(batch).logits, recipe(**inputs), **EXACT)
    loss = method.click_loss(batch) / method.click_amount(batch)
    expected = recipe.click_loss(**inputs, labels=batch.labels)
    torch.testing.assert_close(loss, expected, **EXACT)
    loss.backward()
    expected.backward()
    assert_gradients_agree(method, recipe, silent=("masked_token_head",))
