"""The head on chosen positions against transformers' full logits; one parameter for embeddings and decoder."""

import copy
import json

import pytest
import torch
from packed import padded
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForMaskedLM

from clickprompt.language import LanguageModelConfig, load_language_model
from clickprompt.testing.language_models import FAMILIES, write_tiny_language_model


class Both(nn.Module):
    """As a method holds them."""

    def __init__(self, loaded):
        super().__init__()
        self.encoder, self.head = loaded.encoder, loaded.masked_token_head

    def embeddings(self):
        return self.encoder.model.get_input_embeddings().weight


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_equals_the_full_model(family, load, checkpoints, batch):
    theirs = AutoModelForMaskedLM.from_pretrained(checkpoints[family], attn_implementation="sdpa").double().eval()
    loaded = load(family)
    assert not loaded.masked_token_head.is_new
    both = Both(loaded).double()
    tokens = batch()
    ids, mask = padded(tokens)
    full = theirs(ids, attention_mask=mask).logits[mask.bool()]
    chosen = torch.tensor([1, 3, 24, 60])  # of all tokens
    logits = both.head(both.encoder(tokens).last[chosen])
    tolerance = 2e-5 if family == "modernbert" else 1e-11
    torch.testing.assert_close(logits, full[chosen], rtol=0, atol=tolerance)


@pytest.mark.parametrize("family", FAMILIES)
def test_decoder_is_the_word_embeddings(family, load, checkpoints, tmp_path):
    both = Both(load(family, layers=1))
    shape = both.embeddings().shape
    assert not any(parameter.shape == shape for parameter in both.head.parameters())
    names = [name for name, _ in both.named_parameters(remove_duplicate=False)]
    assert len(names) == len({id(parameter) for parameter in both.parameters()})

    both.double()
    width = both.encoder.hidden_size
    states = torch.randn(5, width, dtype=torch.float64)
    before = both.head(states)
    for change in (both, copy.deepcopy(both)):
        with torch.no_grad():
            change.embeddings().mul_(2)
            assert (change.head(states) - before).abs().max() > 1e-3
            change.embeddings().mul_(0.5)
            torch.testing.assert_close(change.head(states), before)

    save_file(both.state_dict(), tmp_path / "weights.safetensors")  # refuses tensors that share memory
    with torch.no_grad():
        for parameter in both.parameters():
            parameter.normal_()
    assert both.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    torch.testing.assert_close(both.head(states), before, rtol=0, atol=0)

    both.head(states).square().sum().backward()
    assert both.embeddings().grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in both.head.parameters())


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
def test_checkpoint_without_a_head_gets_a_new_one(family, tmp_path):
    folder = write_tiny_language_model(tmp_path / family, family, masked_token_head=False)
    config = LanguageModelConfig(name=str(folder))
    torch.manual_seed(3)
    both = Both(loaded := load_language_model(config))
    assert loaded.masked_token_head.is_new
    torch.manual_seed(3)
    again = load_language_model(config).masked_token_head
    for name, value in both.head.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    logits = both.head(torch.randn(4, both.encoder.hidden_size))
    assert logits.shape == (4, loaded.tokenizer.vocab_size)
    logits.sum().backward()
    assert both.embeddings().grad is not None


def test_nothing_chosen(load):
    loaded = load("bert")
    assert loaded.masked_token_head(torch.zeros(0, 32)).shape == (0, loaded.tokenizer.vocab_size)


@pytest.mark.parametrize("has_head", [True, False])
def test_untied_checkpoints_keep_their_own_decoder_and_new_heads_are_tied(has_head, tmp_path):
    folder = write_tiny_language_model(tmp_path / "untied", "bert", masked_token_head=has_head)
    description = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(description | {"tie_word_embeddings": False}))
    if has_head:
        weights = load_file(folder / "model.safetensors")
        own = torch.randn_like(weights["bert.embeddings.word_embeddings.weight"])
        weights |= {"cls.predictions.decoder.weight": own, "cls.predictions.decoder.bias": torch.zeros(len(own))}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = load_language_model(LanguageModelConfig(name=str(folder)))
    head, states = loaded.masked_token_head, torch.randn(3, 32)
    assert head.is_new is not has_head
    before = head(states)
    with torch.no_grad():
        loaded.encoder.model.get_input_embeddings().weight.mul_(2)
    assert torch.equal(head(states), before) is has_head
    if has_head:
        assert any(torch.equal(parameter, own) for parameter in head.parameters())
