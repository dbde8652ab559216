"""The benchmarks' formula for operations against those that PyTorch counts as they run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForMaskedLM

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.language.quiet import quiet_transformers
from clickprompt.methods import ClickPrompt, ClickPromptConfig, PromptConfig
from clickprompt.testing.language_models import write_tiny_language_model

ROWS, TOKENS, CHOSEN = 4, 42, 6
FIELDS, EMBEDDINGS, PROMPTS = 3, 20, 2
CLOSE = 0.01


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Three layers, so that what the last one leaves out is told from what the first one does."""
    return write_tiny_language_model(tmp_path_factory.mktemp("bert"), "bert", layers=3, width=64)


@pytest.fixture
def flops(benchmark_module):
    return benchmark_module("lm_flops")


def id_model() -> CTRModel:
    return build_ctr_model(DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(6,)), FIELDS, EMBEDDINGS)


def method_of(checkpoint, pooling: str, *, head: bool) -> ClickPrompt:
    loaded = load_language_model(LanguageModelConfig(name=str(checkpoint), max_length=64, dropout=0.0))
    method = ClickPrompt(ClickPromptConfig(prompt=PromptConfig(length=PROMPTS)), id_model(), loaded.encoder, pooling)
    if head:
        method.masked_token_head = loaded.masked_token_head
    return method


def sizes_of(flops, checkpoint, method):
    """As lm_checkpoints.py notes them."""
    shape = AutoConfig.from_pretrained(checkpoint)
    own = [(n, w) for n, w in method.named_parameters() if not n.startswith(("language.", "masked_token_head."))]
    return flops.Sizes(
        layers=shape.num_hidden_layers,
        width=shape.hidden_size,
        inner=shape.intermediate_size,
        words=shape.vocab_size,
        prompts=PROMPTS,
        row_weights=sum(weight.numel() for name, weight in own if weight.ndim == 2 and name != "ctr.embedding.weight"),
    )


def rows() -> ClickBatch:
    random = np.random.default_rng(0)
    ids, lengths = random.integers(5, 60, ROWS * TOKENS), np.full(ROWS, TOKENS)
    positions = (np.arange(ROWS)[:, None] * TOKENS + np.arange(1, 1 + CHOSEN)).ravel()
    return ClickBatch(
        rows=torch.arange(ROWS),
        feature_ids=torch.from_numpy(random.integers(0, EMBEDDINGS, (ROWS, FIELDS))),
        labels=torch.tensor([0.0, 1.0, 1.0, 0.0]),
        tokens=token_batch(ids, lengths),
        masked=masked_tokens(positions, random.integers(5, 60, len(positions)), lengths),
    )


def counted(step) -> float:
    """Operations a row; attention by plain products, for fused kernels are not counted on CPUs."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        step()
    return counter.get_total_flops() / ROWS


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("task", ["pretrain", "tune", "tune-frozen", "score"])
def test_formula_counts_what_the_library_computes(flops, checkpoint, task, pooling):
    method, batch = method_of(checkpoint, pooling, head=task == "pretrain"), rows()
    if task == "tune-frozen":
        method.language.requires_grad_(False)

    def step() -> None:
        if task == "score":
            with torch.inference_mode():
                method(batch)
        elif task == "pretrain":
            method.pretraining_loss(batch).backward()
        else:
            method.click_loss(batch).backward()

    expected = flops.row_flops(sizes_of(flops, checkpoint, method), task, pooling, {str(TOKENS): ROWS})
    assert counted(step) == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("task", ["pretrain", "tune", "score"])
def test_formula_counts_what_the_recipe_computes(flops, benchmark_module, checkpoint, task):
    plain, batch = benchmark_module("recipe_model"), rows()
    with quiet_transformers():
        language = AutoModelForMaskedLM.from_pretrained(checkpoint, attn_implementation=plain.ATTENTION)
    recipe = plain.PaperRecipe(language, id_model(), PROMPTS).eval()
    ids: Tensor = batch.tokens.ids.view(ROWS, TOKENS)
    inputs = {"ids": ids, "mask": torch.ones_like(ids), "feature_ids": batch.feature_ids}

    def step() -> None:
        if task == "score":
            with torch.inference_mode():
                recipe(**inputs)
        elif task == "pretrain":
            recipe.pretraining_loss(**inputs, targets=ids).backward()
        else:
            recipe.click_loss(**inputs, labels=batch.labels).backward()

    sizes = sizes_of(flops, checkpoint, method_of(checkpoint, "mean", head=False))
    expected = flops.row_flops(sizes, task, "mean", {str(TOKENS): ROWS}, everywhere=True)
    assert counted(step) == pytest.approx(expected, rel=CLOSE)
