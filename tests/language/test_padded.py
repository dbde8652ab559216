"""Padded sentences give what sentences laid end to end give."""

import pytest
import torch
from packed import padded

from clickprompt.contracts import Prompts
from clickprompt.language import PaddedEncoder, pool
from clickprompt.testing.language_models import FAMILIES

POOLINGS = ("cls", "mean", "mean_first_last", "mean_last_two")
LENGTHS = (23, 9, 23, 2, 31)  # ModernBERT's window reaches 4 to each side


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_equals_the_packed_encoder(family, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch(LENGTHS)
    ids, mask = padded(tokens)
    for space in (None, "key_value", "hidden", "first"):
        given = prompts(encoder, space, len(LENGTHS)) if space else None
        for pooling in POOLINGS:
            expected = pool(encoder(tokens, given, keep=pooling), tokens, pooling)
            found = PaddedEncoder(encoder, pooling)(ids, mask, given)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", ["bert", "modernbert"])
@torch.no_grad()
def test_what_stands_under_the_mask_and_how_much_changes_nothing(family, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch(LENGTHS)
    given = prompts(encoder, "hidden", len(LENGTHS))
    ids, mask = padded(tokens)
    more_ids = torch.nn.functional.pad(torch.where(mask == 1, ids, 7), (0, 40), value=9)
    more_mask = torch.nn.functional.pad(mask, (0, 40))
    for pooling in POOLINGS:
        read = PaddedEncoder(encoder, pooling)
        first = read(ids, mask, given)
        assert first.isfinite().all()
        torch.testing.assert_close(read(more_ids, more_mask, given), first, rtol=0, atol=1e-12)
        alone = Prompts("hidden", given.states[:, 3:4])
        torch.testing.assert_close(read(ids[3:4, :2], mask[3:4, :2], alone), first[3:4], rtol=0, atol=1e-12)


@torch.no_grad()
def test_every_real_word_and_prompt_counts(load, batch, prompts):
    encoder = load("modernbert").encoder.double()
    tokens = batch(LENGTHS)
    given = prompts(encoder, "first", len(LENGTHS))
    ids, mask = padded(tokens)
    read = PaddedEncoder(encoder, "mean")
    first = read(ids, mask, given)
    other_word, shorter = ids.clone(), mask.clone()
    other_word[0, 22], shorter[0, 22] = 5, 0
    other_prompts = Prompts("first", given.states.clone().index_fill_(1, torch.tensor([0]), 0.5))
    for changed in (read(other_word, mask, given), read(ids, shorter, given), read(ids, mask, other_prompts)):
        assert (changed[0] - first[0]).abs().max() > 1e-4
        torch.testing.assert_close(changed[1:], first[1:], rtol=0, atol=1e-12)
