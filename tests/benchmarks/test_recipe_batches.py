from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from transformers import AutoModelForMaskedLM, AutoTokenizer

from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language.quiet import quiet_transformers


@pytest.fixture
def batches(benchmark_module):
    return benchmark_module("recipe_batches")


def test_words_are_chosen_and_replaced_in_the_published_shares(batches, tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    torch.manual_seed(0)
    ids = torch.full((1000, 100), 50)
    special = torch.zeros_like(ids)
    special[:, 0] = special[:, -1] = 1
    changed, targets = batches.mask_tokens(ids, special, tokenizer)
    assert (ids == 50).all()
    assert (targets[special.bool()] == -100).all()
    chosen = targets != -100
    assert (targets[chosen] == 50).all()
    assert (changed[~chosen] == 50).all()
    assert int(chosen.sum()) / (1000 * 98) == pytest.approx(0.15, abs=0.006)  # five deviations
    seen = Counter(changed[chosen].tolist())
    masked, own = (seen.pop(token) / int(chosen.sum()) for token in (tokenizer.mask_token_id, 50))
    assert masked == pytest.approx(0.8 + 0.1 / len(tokenizer), abs=0.017)
    assert own == pytest.approx(0.1 + 0.1 / len(tokenizer), abs=0.013)
    assert len(seen) > 0.9 * len(tokenizer)


@pytest.mark.parametrize("pretraining", [True, False])
def test_losses_of_parts_add_up_to_the_batch(batches, benchmark_module, tiny_bert, pretraining):
    recipe = recipe_of(benchmark_module("recipe_model"), tiny_bert)
    lengths = torch.tensor([3, 5, 4, 7, 2])
    mask = (torch.arange(7) < lengths[:, None]).long()
    ids = torch.arange(5, 40).view(5, 7) * mask
    batch = {"ids": ids, "mask": mask, "feature_ids": torch.arange(10).view(5, 2)}
    if pretraining:
        batch["targets"] = torch.where(mask.bool() & (ids % 2 == 0), ids, -100)
        batch["targets"][2:4] = -100  # a part without a target has no mean, and adds nothing
    else:
        batch["labels"] = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    loss_of = recipe.pretraining_loss if pretraining else recipe.click_loss
    parts = list(batches.parts_of(batch, 2))
    assert [part["ids"].shape for part, _ in parts] == ([(2, 5), (1, 2)] if pretraining else [(2, 5), (2, 7), (1, 2)])
    added_up = sum(share * loss_of(**part) for part, share in parts)
    torch.testing.assert_close(added_up, loss_of(**batch), rtol=1e-6, atol=0.0)


def recipe_of(plain: ModuleType, folder: Path) -> nn.Module:
    """In float64, without dropout."""
    with quiet_transformers():
        language = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation=plain.ATTENTION)
    ctr = build_ctr_model(DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(6,), embedding_std=0.5), 2, 10)
    return plain.PaperRecipe(language, ctr, 2).double().eval()


def test_whole_batch_is_one_part(batches):
    ids = torch.arange(6).view(2, 3)
    batch = {"ids": ids, "mask": torch.ones_like(ids), "feature_ids": ids, "labels": torch.zeros(2)}
    [(part, share)] = batches.parts_of(batch, 2)
    assert share == 1.0
    assert all(part[name].equal(batch[name]) for name in batch)
