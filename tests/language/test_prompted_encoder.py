"""Encoders with prompts against formulas, against transformers' own code, and against themselves in other batches."""

import numpy as np
import pytest
import torch
from encoder_oracle import bert_row, modernbert_row, weights_of
from packed import apart, pack, padded
from transformers import AutoModelForMaskedLM

from clickprompt.contracts import ChosenTokens, Prompts
from clickprompt.language import attention, pool, variable_length, wanted
from clickprompt.language.reading import Reading
from clickprompt.testing.language_models import FAMILIES

SPACES = ("key_value", "hidden", "first")
POOLINGS = ("cls", "mean", "mean_first_last", "mean_last_two")
# transformers rotates ModernBERT's keys in float32 whatever the model's type.
ROUNDING = dict.fromkeys(FAMILIES, 1e-12) | {"modernbert": 2e-5}


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
    given = prompts(encoder, space, 5) if space else None
    weights, config = weights_of(encoder), encoder.model.config
    first = config.pad_token_id + 1 if family == "roberta" else 0
    for pooling in POOLINGS:
        states = encoder(tokens, given, keep=pooling)
        pooled = pool(states, tokens, pooling)
        for row, (ids, last) in enumerate(zip(apart(tokens.ids, tokens), apart(states.last, tokens), strict=True)):
            own = given.states[:, row].numpy() if given else None
            expected = bert_row(weights, ids.numpy(), 2, config.layer_norm_eps, first, space, own)
            np.testing.assert_allclose(last, expected[-1], rtol=0, atol=1e-12)
            np.testing.assert_allclose(pooled[row], pooled_by_hand(expected, pooling), rtol=0, atol=1e-12)


@pytest.mark.parametrize("space", [None, *SPACES])
@torch.no_grad()
def test_modernbert_equals_the_formulas(space, load, batch, prompts):
    encoder = load("modernbert").encoder.double()
    assert "sliding_attention" in encoder.model.config.layer_types
    tokens = batch()  # 23 words, and a window that reaches 4 to each side
    given = prompts(encoder, space, 5) if space else None
    states = encoder(tokens, given)
    for row, (ids, last) in enumerate(zip(apart(tokens.ids, tokens), apart(states.last, tokens), strict=True)):
        own = given.states[:, row].numpy() if given else None
        expected = modernbert_row(weights_of(encoder), ids.numpy(), encoder.model.config.to_dict(), space, own)
        np.testing.assert_allclose(last, expected, rtol=0, atol=ROUNDING["modernbert"])


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
        ids, mask = padded(tokens)
        out = theirs.base_model(ids, attention_mask=mask, output_hidden_states=True)
        real = mask.bool()
        pairs = [
            (encoder(tokens).last, out.last_hidden_state),
            (encoder(tokens, keep="mean_first_last").embeddings, out.hidden_states[0]),
            (encoder(tokens, keep="mean_last_two").last_but_one, out.hidden_states[-2]),
        ]
        for ours, expected in pairs:
            torch.testing.assert_close(ours, expected[real], rtol=0, atol=ROUNDING[family])


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_hidden_prompts_are_their_projections_as_key_value_prompts(family, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch()
    hidden = prompts(encoder, "hidden", 5)
    weights, pairs = weights_of(encoder), []
    for layer in range(encoder.num_layers):
        key, value = layer_projections(weights, family, layer)
        pairs.append(np.stack([key(hidden.states[layer].numpy()), value(hidden.states[layer].numpy())], axis=2))
    as_key_value = Prompts("key_value", torch.from_numpy(np.stack(pairs)))
    one, other = encoder(tokens, hidden).last, encoder(tokens, as_key_value).last
    torch.testing.assert_close(one, other, rtol=0, atol=ROUNDING[family])
    assert (one - encoder(tokens).last).abs().max() > 1e-2


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
def test_batch_and_order_change_no_row(family, space, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch((23, 23, 17, 2, 12))
    given = prompts(encoder, space, 5) if space else None
    order = torch.tensor([3, 0, 4, 2, 1])
    shuffled = pack([apart(tokens.ids, tokens)[row] for row in order])
    reordered = given and Prompts(space, given.states[:, order])
    for pooling in POOLINGS:
        whole = pool(encoder(tokens, given, keep=pooling), tokens, pooling)
        assert whole.isfinite().all()
        again = pool(encoder(shuffled, reordered, keep=pooling), shuffled, pooling)
        torch.testing.assert_close(again, whole[order], rtol=0, atol=ROUNDING[family])
        for row, ids in enumerate(apart(tokens.ids, tokens)):
            alone = pack([ids])
            own = given and Prompts(space, given.states[:, row : row + 1])
            single = pool(encoder(alone, own, keep=pooling), alone, pooling)
            torch.testing.assert_close(single[0], whole[row], rtol=0, atol=ROUNDING[family])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_reaches_prompts_and_weights(family, space, load, batch, prompts):
    encoder = load(family).encoder.double().train()
    tokens = batch()
    given = prompts(encoder, space, 5)
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
        change = (encoder(tokens, moved).last - encoder(tokens, given).last).abs().amax(1)
        assert (change > 1e-6).all(), space


@pytest.mark.parametrize("space", SPACES)
@torch.no_grad()
def test_bf16_autocast_is_near_float32(space, load, batch, prompts):
    for family in ("bert", "modernbert"):
        encoder = load(family).encoder
        tokens = batch()
        given = prompts(encoder, space, 5)
        given = Prompts(space, given.states.float())
        exact = encoder(tokens, given).last
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(tokens, given).last.float()
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
    given = prompts(encoder, "first", 5)
    bad = pack([ids + 10**6 for ids in apart(tokens.ids, tokens)])
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


def chosen_of(tokens):
    """Some words of three sentences, none of the fourth."""
    first, second, third, _, last = tokens.starts.tolist()
    return ChosenTokens(torch.tensor([first + 1, first + 2, first + 22, second, third + 7, last + 1]), 3)


@pytest.mark.parametrize("space", [None, *SPACES])
@pytest.mark.parametrize("family", FAMILIES)
def test_chosen_words_have_the_states_and_gradients_that_they_have_among_all(family, space, load, batch, prompts):
    encoder = load(family).encoder.double()
    tokens = batch()
    chosen, given = chosen_of(tokens), prompts(encoder, space, 5) if space else None
    results = []
    for some in (None, chosen):
        own = given and Prompts(space, given.states.clone().requires_grad_())
        last = encoder(tokens, own, chosen=some).last
        last = last[chosen.positions] if some is None else last
        (last * torch.arange(1.0, 1 + last.numel()).view_as(last).cos()).sum().backward()
        gradients = {name: p.grad for name, p in encoder.named_parameters()} | {"": own and own.states.grad}
        results.append((last.detach(), gradients))
        encoder.zero_grad()
    (all_states, of_all), (some_states, of_some) = results
    assert len(some_states) == 6
    torch.testing.assert_close(some_states, all_states, rtol=0, atol=ROUNDING[family])
    for name, gradient in of_all.items():
        if gradient is not None:
            torch.testing.assert_close(of_some[name], gradient, rtol=0, atol=50 * ROUNDING[family], msg=name)


@pytest.mark.parametrize("last_window", [3, None])
@torch.no_grad()
def test_chosen_words_of_a_windowed_last_layer(last_window, load, batch, prompts):
    encoder = load("modernbert").encoder.double()
    encoder.model.layers[-1].attn.sliding_window = last_window
    tokens = batch()
    chosen = chosen_of(tokens)
    for space in SPACES:
        given = prompts(encoder, space, 5)
        expected = encoder(tokens, given).last[chosen.positions]
        found = encoder(tokens, given, chosen=chosen).last
        torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING["modernbert"])


@torch.no_grad()
def test_the_first_word_alone_is_what_cls_pooling_reads(load, batch):
    encoder, tokens = load("bert").encoder.double(), batch()
    alone = encoder(tokens, chosen=wanted(tokens, "cls"))
    assert alone.last.shape == (5, encoder.hidden_size)
    torch.testing.assert_close(pool(alone, tokens, "cls"), pool(encoder(tokens), tokens, "cls"), rtol=0, atol=1e-12)
    assert all(wanted(tokens, pooling) is None for pooling in POOLINGS[1:])


def test_no_word_chosen(load, batch):
    encoder, tokens = load("bert").encoder, batch()
    last = encoder(tokens, chosen=ChosenTokens(torch.zeros(0, dtype=torch.long), 1)).last
    assert last.shape == (0, encoder.hidden_size)
    last.sum().backward()


@pytest.mark.parametrize("space", [None, *SPACES])
def test_a_window_hides_far_words_and_no_prompt(space, batch):
    tokens = batch((20, 3))
    shape = {"key_value": (1, 2, 2, 2, 4), "hidden": (1, 2, 2, 4), "first": (1, 2, 2, 4)}
    reading = Reading(tokens, Prompts(space, torch.zeros(shape[space])) if space else None)
    (_, long), (_, short) = reading.runs
    assert reading.window(short, 3) is None
    assert reading.window(long, None) is None
    seen, prompts = reading.window(long, 3), 2 if space else 0
    assert seen.shape == (long, 20 + prompts)
    assert seen[:, :prompts].all()
    assert seen[: reading.carried].all()
    words = seen[reading.carried :, prompts:]
    place = torch.arange(20)
    assert torch.equal(words, (place[:, None] - place).abs() < 3)


def reference_kernel(queries, keys, values, queries_from, keys_from, most_queries, most_keys, *, scale=None):
    """What `varlen_attn` computes, sentence by sentence."""
    mixed = []
    for row in range(len(queries_from) - 1):
        query = queries[queries_from[row] : queries_from[row + 1]]
        key, value = (x[keys_from[row] : keys_from[row + 1]] for x in (keys, values))
        assert len(query) <= most_queries
        assert len(key) <= most_keys
        scores = torch.einsum("qhd,khd->hqk", query, key) * (scale or query.shape[-1] ** -0.5)
        mixed.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1), value))
    return torch.cat(mixed)


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("space", [None, *SPACES])
@pytest.mark.parametrize("family", ["bert", "modernbert"])
@torch.no_grad()
def test_all_sentences_in_one_kernel(family, space, some, load, batch, prompts, monkeypatch):
    """CUDA's kernel is handed the same sentences; a reference stands in for it on machines without CUDA."""
    encoder = load(family).encoder.double()
    tokens = batch()
    chosen, given = chosen_of(tokens) if some else None, prompts(encoder, space, 5) if space else None
    expected = encoder(tokens, given, chosen=chosen).last
    calls = []
    monkeypatch.setattr(
        variable_length, "_kernel", lambda: lambda *args, **kw: calls.append(1) or reference_kernel(*args, **kw)
    )
    monkeypatch.setattr(attention, "can_attend_at_once", lambda *given: given[-1] is None)
    found = encoder(tokens, given, chosen=chosen).last
    assert calls
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING[family])


@pytest.mark.parametrize(
    ("change", "serves"),
    [
        ({}, True),
        ({"dtype": torch.float32}, False),
        ({"width": 20}, False),
        ({"width": 264}, False),
        ({"dropout": 0.1}, False),
        ({"window": 12}, True),
        ({"window": 11}, False),
        ({"device": False}, False),
    ],
)
def test_when_the_kernel_serves(change, serves, batch, monkeypatch):
    given = {"dtype": torch.bfloat16, "width": 32, "dropout": 0.0, "window": None, "device": True} | change
    monkeypatch.setattr(variable_length, "_device_serves", lambda device: given["device"])
    queries = torch.zeros(4, 2, given["width"], dtype=given["dtype"])
    reading = Reading(batch((12, 5)))
    assert variable_length.can_attend_at_once(queries, given["dropout"], reading, given["window"]) is serves


def test_no_sentences(load, batch):
    nothing = pack([])
    for family in FAMILIES:
        encoder = load(family).encoder
        for pooling in POOLINGS:
            states = encoder(nothing, keep=pooling, chosen=wanted(nothing, pooling))
            assert pool(states, nothing, pooling).shape == (0, encoder.hidden_size)


def test_states_of_chosen_words_are_pooled_as_no_others(load, batch):
    encoder, tokens = load("bert").encoder, batch()
    chosen = ChosenTokens(tokens.starts + 1, 1)
    for pooling in ("cls", "mean"):
        with pytest.raises(ValueError, match="states of other words"):
            pool(encoder(tokens, chosen=chosen), tokens, pooling)
    with pytest.raises(ValueError, match="states of all words"):
        encoder(tokens, keep="mean_last_two", chosen=chosen)
