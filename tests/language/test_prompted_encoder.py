"""Encoders with prompts against formulas, against transformers' own code, and against themselves in other batches."""

import numpy as np
import pytest
import torch
from encoder_oracle import bert_row, modernbert_row, weights_of
from transformers import AutoModelForMaskedLM

from clickprompt.contracts import Prompts, TokenBatch
from clickprompt.language import pool
from clickprompt.language.attention import Reading
from clickprompt.testing.language_models import FAMILIES

SPACES = ("key_value", "hidden", "first")
POOLINGS = ("cls", "mean", "mean_first_last", "mean_last_two")
# transformers rotates ModernBERT's keys in float32 whatever the model's type.
ROUNDING = dict.fromkeys(FAMILIES, 1e-12) | {"modernbert": 2e-5}


def rows_of(tokens):
    lengths = [tokens.ids.shape[1]] * len(tokens.ids) if tokens.mask is None else tokens.mask.sum(1).tolist()
    return [(ids[:length].numpy(), length) for ids, length in zip(tokens.ids, lengths, strict=True)]


def pooled_by_hand(states, pooling):
    if pooling == "cls":
        return states[-1][0]
    mixed = {"mean": states[-1], "mean_first_last": (states[0] + states[-1]) / 2}
    return mixed.get(pooling, (states[-2] + states[-1]) / 2).mean(0)


@pytest.mark.parametrize("space", [None, *SPACES])
@pytest.mark.parametrize("family", ["bert", "roberta"])
@torch.no_grad()
def test_equals_the_formulas(family, space, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch()
    given = prompts(encoder, space, 4) if space else None
    weights, config = weights_of(encoder), encoder.model.config
    first = config.pad_token_id + 1 if family == "roberta" else 0
    for pooling in POOLINGS:
        states = encoder(tokens, given, keep=pooling)
        pooled = pool(states, tokens, pooling)
        for row, (ids, length) in enumerate(rows_of(tokens)):
            own = given.states[:, row].numpy() if given else None
            expected = bert_row(weights, ids, 2, config.layer_norm_eps, first, space, own)
            np.testing.assert_allclose(states.last[row, :length], expected[-1], rtol=0, atol=1e-12)
            np.testing.assert_allclose(pooled[row], pooled_by_hand(expected, pooling), rtol=0, atol=1e-12)


@pytest.mark.parametrize("space", [None, *SPACES])
@torch.no_grad()
def test_modernbert_equals_the_formulas(space, load, batch, prompts):
    encoder = load("modernbert").encoder.double()
    assert "sliding_attention" in encoder.model.config.layer_types
    tokens = batch()  # 23 words, and a window that reaches 4 to each side
    given = prompts(encoder, space, 4) if space else None
    states = encoder(tokens, given)
    for row, (ids, length) in enumerate(rows_of(tokens)):
        own = given.states[:, row].numpy() if given else None
        expected = modernbert_row(weights_of(encoder), ids, encoder.model.config.to_dict(), space, own)
        np.testing.assert_allclose(states.last[row, :length], expected, rtol=0, atol=ROUNDING["modernbert"])


# In float64 transformers' eager ModernBERT divides 0 by 0 where a padded word has no real one in its window.
@pytest.mark.parametrize(
    ("family", "attention"), [(f, a) for f in FAMILIES for a in ("eager", "sdpa") if (f, a) != ("modernbert", "eager")]
)
@torch.no_grad()
def test_without_prompts_equals_transformers(family, attention, load, checkpoints, batch):
    theirs = AutoModelForMaskedLM.from_pretrained(checkpoints[family], attn_implementation=attention).double().eval()
    encoder = load(family).encoder.double()
    for lengths in [(23, 9, 23, 2), (12, 12)]:
        tokens = batch(lengths)
        mask = torch.ones_like(tokens.ids) if tokens.mask is None else tokens.mask.long()
        out = theirs.base_model(tokens.ids, attention_mask=mask, output_hidden_states=True)
        real = mask.bool()
        pairs = [
            (encoder(tokens).last, out.last_hidden_state),
            (encoder(tokens, keep="mean_first_last").embeddings, out.hidden_states[0]),
            (encoder(tokens, keep="mean_last_two").last_but_one, out.hidden_states[-2]),
        ]
        for ours, expected in pairs:
            torch.testing.assert_close(ours[real], expected[real], rtol=0, atol=ROUNDING[family])


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_hidden_prompts_are_their_projections_as_key_value_prompts(family, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch()
    hidden = prompts(encoder, "hidden", 4)
    weights, pairs = weights_of(encoder), []
    for layer in range(encoder.num_layers):
        key, value = layer_projections(weights, family, layer)
        pairs.append(np.stack([key(hidden.states[layer].numpy()), value(hidden.states[layer].numpy())], axis=2))
    as_key_value = Prompts("key_value", torch.from_numpy(np.stack(pairs)))
    one, other = encoder(tokens, hidden).last, encoder(tokens, as_key_value).last
    torch.testing.assert_close(one[tokens.mask], other[tokens.mask], rtol=0, atol=ROUNDING[family])
    assert (one - encoder(tokens).last)[tokens.mask].abs().max() > 1e-2


def layer_projections(weights, family, layer):
    if family == "modernbert":
        _, key, value = np.split(weights[f"layers.{layer}.attn.Wqkv.weight"], 3)
        return (lambda x: x @ key.T), (lambda x: x @ value.T)
    start, names = f"encoder.layer.{layer}.attention.self.", ("key", "value")
    if family == "distilbert":
        start, names = f"transformer.layer.{layer}.attention.", ("k_lin", "v_lin")
    return [
        lambda x, name=name: x @ weights[f"{start}{name}.weight"].T + weights[f"{start}{name}.bias"] for name in names
    ]


@pytest.mark.parametrize("space", [None, *SPACES])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_padding_batch_and_order_change_no_row(family, space, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch((23, 9, 17, 2, 12))
    given = prompts(encoder, space, 5) if space else None
    wide = TokenBatch(
        torch.nn.functional.pad(tokens.ids, (0, 14), value=1), torch.nn.functional.pad(tokens.mask, (0, 14))
    )
    order = torch.tensor([3, 0, 4, 2, 1])
    shuffled = TokenBatch(wide.ids[order], wide.mask[order])
    reordered = given and Prompts(space, given.states[:, order])
    for pooling in POOLINGS:
        whole = pool(encoder(tokens, given, keep=pooling), tokens, pooling)
        assert whole.isfinite().all()
        again = pool(encoder(shuffled, reordered, keep=pooling), shuffled, pooling)
        torch.testing.assert_close(again, whole[order], rtol=0, atol=ROUNDING[family])
        for row, (ids, _) in enumerate(rows_of(tokens)):
            alone = TokenBatch(torch.from_numpy(ids)[None], None)
            own = given and Prompts(space, given.states[:, row : row + 1])
            single = pool(encoder(alone, own, keep=pooling), alone, pooling)
            torch.testing.assert_close(single[0], whole[row], rtol=0, atol=ROUNDING[family])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_reaches_prompts_and_weights(family, space, load, batch, prompts):
    encoder = load(family).encoder.double().train()
    tokens = batch()
    given = prompts(encoder, space, 4)
    given.states.requires_grad_()
    pool(encoder(tokens, given), tokens, "mean").square().sum().backward()
    assert (given.states.grad.flatten(2).abs().sum(2) > 0).all()  # every layer and row
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # The softmax does not change when every score does; with prompts of key_value space it does.
        if not (name.endswith(("key.bias", "k_lin.bias")) and space != "key_value"):
            assert parameter.grad.abs().max() > 1e-12, name


@torch.no_grad()
def test_every_prompt_is_seen_far_beyond_the_window(load, batch, prompts):
    encoder = load("modernbert", layers=1).encoder.double()
    encoder.model.layers[0].attn.sliding_window = 5
    tokens = batch((60, 60))
    for space in SPACES:
        given = prompts(encoder, space, 2)
        moved = Prompts(space, given.states.clone())
        moved.states[:, :, 0] += 1.0
        change = (encoder(tokens, moved).last - encoder(tokens, given).last).abs().amax(2)
        assert (change > 1e-6).all(), space


@pytest.mark.parametrize("space", SPACES)
@torch.no_grad()
def test_bf16_autocast_is_near_float32(space, load, batch, prompts):
    for family in ("bert", "modernbert"):
        encoder = load(family).encoder
        tokens = batch()
        given = prompts(encoder, space, 4)
        given = Prompts(space, given.states.float())
        exact = encoder(tokens, given).last[tokens.mask]
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(tokens, given).last[tokens.mask].float()
        assert torch.nn.functional.cosine_similarity(exact, rough).min() > 0.99


def test_dropout_acts_in_training_alone(load, batch, prompts):
    for family in FAMILIES:
        encoder = load(family, dropout=0.4).encoder
        assert {m.p for m in encoder.modules() if isinstance(m, torch.nn.Dropout)} == {0.4}
        tokens, given = batch((8, 8)), Prompts("hidden", prompts(encoder, "hidden", 2).states.float())
        torch.testing.assert_close(encoder(tokens, given).last, encoder(tokens, given).last, rtol=0, atol=0)
        encoder.train()
        assert (encoder(tokens, given).last - encoder(tokens, given).last).abs().max() > 1e-3
        still = load(family, dropout=0.0).encoder
        torch.testing.assert_close(still.train()(tokens).last, still.eval()(tokens).last, rtol=0, atol=1e-6)


def test_attention_dropout_is_the_layers_own(load, batch):
    encoder = load("bert", dropout=0.0).encoder.train()
    for module in encoder.modules():
        if hasattr(module, "prompt_layer"):
            module.dropout.p = 0.5
    tokens = batch((8, 8))
    assert (encoder(tokens).last - encoder(tokens).last).abs().max() > 1e-3


def test_nothing_is_left_behind_by_a_failure(load, batch, prompts):
    encoder = load("bert").encoder.double()
    tokens = batch()
    expected = encoder(tokens).last
    given = prompts(encoder, "first", 4)
    bad = TokenBatch(tokens.ids + 10**6, tokens.mask)
    with pytest.raises(IndexError):
        encoder(bad, given)
    torch.testing.assert_close(encoder(tokens).last, expected, rtol=0, atol=0)


@pytest.mark.parametrize("space", SPACES)
def test_prompts_of_another_shape_are_refused(space, load, batch, prompts):
    encoder = load("bert").encoder
    with pytest.raises(ValueError, match=rf"{space} prompts have shape .* expected"):
        encoder(batch(), prompts(encoder, space, 3))


def test_pooling_needs_states_that_were_kept(load, batch):
    tokens = batch()
    with pytest.raises(ValueError, match="not asked to keep"):
        pool(load("bert").encoder(tokens), tokens, "mean_last_two")


@pytest.mark.parametrize("space", [None, *SPACES])
def test_no_query_is_left_without_a_key(space):
    # Some kernels answer 0/0 to such a query, also where it is padding, and its gradient spreads.
    real = torch.arange(20) < torch.tensor([20, 3])[:, None]
    shape = {"key_value": (1, 2, 2, 2, 4), "hidden": (1, 2, 2, 4), "first": (1, 2, 2, 4)}
    given = Prompts(space, torch.zeros(shape[space])) if space else None
    reading = Reading(real, given)
    seen = reading.mask(torch.zeros(2, 1, 20 + reading.carried, 4), 3)
    assert seen.shape == (2, 1, 20 + reading.carried, 20 + (2 if space else 0))
    assert seen.any(dim=-1).all()
    assert not seen[1, 0, -20:-17, -17:].any()
