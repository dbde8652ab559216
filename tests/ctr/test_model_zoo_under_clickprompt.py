"""Every ID model writes prompts, is taught through them, and scores with and without the language model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import CTR_MODELS, CTRModelConfig, build_ctr_model
from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.methods import ClickPrompt, ClickPromptConfig, IDOnly, PromptConfig

FIELDS, EMBEDDINGS, ROWS, LENGTH = 5, 20, 6, 8


def tiny(kind: str) -> CTRModelConfig:
    """The model's own defaults with at most two entries in each tuple, of size 8, and no other number above 8."""
    sizes = {}
    for name, default in CTR_MODELS[kind]().model_dump().items():
        if isinstance(default, tuple):
            sizes[name] = (8,) * min(len(default), 2)
        elif isinstance(default, int) and default > 8:
            sizes[name] = 4
    return CTR_MODELS[kind](**sizes)


def batch() -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    words = torch.randint(5, 60, (ROWS, LENGTH), generator=generator)
    lengths = np.full(ROWS, LENGTH)
    return ClickBatch(
        rows=torch.arange(ROWS),
        feature_ids=torch.randint(0, EMBEDDINGS // 2, (ROWS, FIELDS), generator=generator),
        labels=torch.randint(0, 2, (ROWS,), generator=generator).double(),
        tokens=token_batch(words.flatten().numpy(), lengths),
        masked=masked_tokens(np.arange(ROWS) * LENGTH + 2, words[:, 1].numpy(), lengths),
    )


@pytest.fixture(scope="module", params=CTR_MODELS)
def method(request: pytest.FixtureRequest, tiny_bert: Path) -> ClickPrompt:
    torch.manual_seed(0)
    ctr = build_ctr_model(tiny(request.param), FIELDS, EMBEDDINGS)
    for parameter in ctr.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # what starts at zero would keep others from learning at first
    loaded = load_language_model(LanguageModelConfig(name=str(tiny_bert), max_length=64, dropout=0.0))
    config = ClickPromptConfig(prompt=PromptConfig(length=2))
    method = ClickPrompt(config, ctr, loaded.encoder, "mean")
    method.masked_token_head = loaded.masked_token_head
    return method.double()


def taught(model: torch.nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def test_pretraining_teaches_the_rows_and_all_that_q_is_made_of(method):
    rows = batch()
    method.zero_grad()
    q = method.ctr.representation(rows.feature_ids)
    torch.sin(q * torch.arange(1, q.shape[1] + 1)).sum().backward()
    makes_q = taught(method.ctr)
    method.zero_grad()
    method.pretraining_loss(rows).backward()
    assert taught(method.ctr) == makes_q
    touched = method.ctr.embedding.weight.grad.abs().sum(1) > 0
    assert set(touched.nonzero().flatten().tolist()) == set(rows.feature_ids.flatten().tolist())


def test_words_are_read_in_the_light_of_the_ids(method):
    rows = batch()
    other = replace(rows, feature_ids=rows.feature_ids + 1)
    with torch.no_grad():
        assert abs(method.pretraining_loss(rows) - method.pretraining_loss(other)) > 1e-6


def test_finetuning_with_and_without_words_teaches_every_part(method):
    rows = batch()
    for whole in (method, IDOnly(method.ctr)):
        method.zero_grad()
        logits = whole(rows).logits
        assert logits.shape == (ROWS,)
        assert torch.isfinite(logits).all()
        logits.square().sum().backward()
        assert taught(method.ctr) == set(dict(method.ctr.named_parameters()))
