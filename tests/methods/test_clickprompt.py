from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, load_language_model, pool
from clickprompt.methods import ClickPrompt, ClickPromptConfig, PromptConfig

FIELDS, EMBEDDINGS = 3, 20


def clickprompt(folder: Path, pooling: str = "mean", **prompt) -> ClickPrompt:
    torch.manual_seed(0)
    ctr = build_ctr_model(
        DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(6,), embedding_std=0.5), FIELDS, EMBEDDINGS
    )
    loaded = load_language_model(LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0))
    method = ClickPrompt(ClickPromptConfig(prompt=PromptConfig(length=2, **prompt)), ctr, loaded.encoder, pooling)
    method.masked_token_head = loaded.masked_token_head
    return method.double()


def batch(rows: int = 5) -> ClickBatch:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(6, 11, (rows,), generator=generator).sort().values.numpy()
    words = torch.randint(5, 60, (int(lengths.sum()),), generator=generator)
    tokens = token_batch(words.numpy(), lengths)
    positions = (tokens.starts + 2).numpy()
    return ClickBatch(
        rows=torch.arange(rows),
        feature_ids=torch.randint(0, EMBEDDINGS // 2, (rows, FIELDS), generator=generator),
        labels=torch.randint(0, 2, (rows,), generator=generator).double(),
        tokens=tokens,
        masked=masked_tokens(positions, words[positions - 1].numpy(), lengths),
    )


SPACES = [{}, {"space": "hidden"}, {"space": "hidden", "layers": "first"}, {"projection": "independent"}]


@pytest.mark.parametrize("pooling", ["cls", "mean", "mean_first_last", "mean_last_two"])
def test_the_logit_blends_both_heads(tiny_bert, pooling):
    method, rows = clickprompt(tiny_bert, pooling), batch()
    with torch.no_grad():
        method.alpha.fill_(0.3)
        q = method.ctr.representation(rows.feature_ids)
        states = method.language(rows.tokens, method.prompts(q), keep=pooling)
        h = pool(states, rows.tokens, pooling)
        first, _, second = method.language_head
        words = torch.tanh(h @ first.weight.T + first.bias) @ second.weight.T + second.bias
        expected = 0.3 * method.ctr(rows.feature_ids) + 0.7 * words[:, 0]
        torch.testing.assert_close(method(rows).logits, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("pooling", "each"), [("cls", "row"), ("mean", "word"), ("mean_last_two", "word")])
def test_the_last_layer_works_for_words_that_are_wanted_alone(tiny_bert, pooling, each):
    method, rows = clickprompt(tiny_bert, pooling), batch()
    seen = []
    for layer in method.language.model.encoder.layer:
        layer.output.register_forward_hook(lambda module, args, output: seen.append(output.shape[1]))
    method(rows)
    words = len(rows.tokens.ids)
    assert seen == [words, len(rows) if each == "row" else words]
    seen.clear()
    method.pretraining_loss(rows)
    assert seen == [words, len(rows.masked.positions)]


@pytest.mark.parametrize("prompt", SPACES)
def test_the_batch_changes_no_score(tiny_bert, prompt):
    method = clickprompt(tiny_bert, **prompt).eval()
    whole = batch()
    with torch.no_grad():
        scores = method(whole).logits
        for row in range(len(whole)):
            words = torch.tensor_split(whole.tokens.ids, whole.tokens.starts[1:])[row].numpy()
            alone = replace(
                whole,
                rows=whole.rows[row : row + 1],
                feature_ids=whole.feature_ids[row : row + 1],
                tokens=token_batch(words, np.array([len(words)])),
            )
            torch.testing.assert_close(method(alone).logits[0], scores[row], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("prompt", SPACES)
def test_nothing_masked_costs_nothing(tiny_bert, prompt):
    rows = batch()
    nothing = masked_tokens(np.zeros(0, np.int64), np.zeros(0, np.int64), np.full(5, 8))
    loss = clickprompt(tiny_bert, **prompt).pretraining_loss(replace(rows, masked=nothing))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("prompt", SPACES)
def test_pretraining_teaches_every_part_and_only_the_batchs_rows(tiny_bert, prompt):
    method, rows = clickprompt(tiny_bert, **prompt), batch()
    method.pretraining_loss(rows).backward()
    untaught = {
        name
        for name, parameter in method.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    }
    # Heads of finetuning take no part, nor does what no sentence of this batch uses.
    assert {name for name in untaught if not name.startswith(("ctr.output", "language_head", "alpha"))} <= set()
    assert any(name.startswith("ctr.output") for name in untaught)
    touched = method.ctr.embedding.weight.grad.abs().sum(1) > 0
    assert set(touched.nonzero().flatten().tolist()) == set(rows.feature_ids.flatten().tolist())


def test_pretraining_loss_is_the_cross_entropy_of_the_chosen(tiny_bert):
    method, rows = clickprompt(tiny_bert), batch()
    with torch.no_grad():
        states = method.language(rows.tokens, method.prompts(method.ctr.representation(rows.feature_ids))).last
        expected = 0.0
        for position, target in zip(rows.masked.positions, rows.masked.targets, strict=True):
            logits = method.masked_token_head(states[position][None])[0]
            expected -= (logits[target] - logits.exp().sum().log()).item()
        assert method.pretraining_loss(rows).item() == pytest.approx(expected, rel=1e-12)
        assert method.pretraining_amount(rows) == 5


def test_pretraining_never_reads_labels(tiny_bert):
    method, rows = clickprompt(tiny_bert), batch()
    with torch.no_grad():
        assert torch.equal(
            method.pretraining_loss(rows), method.pretraining_loss(replace(rows, labels=1 - rows.labels))
        )


def test_the_pretrained_encoder_is_the_language_part_and_a_new_head_is_not(tiny_bert):
    method = clickprompt(tiny_bert)
    language = {id(p) for p in method.parts()["language"]}
    assert {id(p) for p in method.language.parameters()} <= language
    assert {id(p) for p in method.masked_token_head.parameters()} <= language
    method.masked_token_head.is_new = True
    assert not {id(p) for p in method.masked_token_head.parameters()} & {id(p) for p in method.parts()["language"]}
    every = [id(p) for part in method.parts().values() for p in part]
    assert len(every) == len(set(every)) == len(list(method.parameters()))
