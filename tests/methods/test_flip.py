"""FLIP: its losses from their formulas, and who sees what is hidden."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from clickprompt.batches import masked_tokens, token_batch
from clickprompt.contracts import ClickBatch, FieldStatistics
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, LoadedLanguageModel, load_language_model
from clickprompt.methods import FLIP, FLIPConfig
from clickprompt.methods.flip_losses import attend

OFFSETS = np.array([0, 7, 12, 17])  # OOV rows 17 to 19
COUNTS = np.array([9, 8, 7, 3, 2, 1, 1, 40, 20, 10, 5, 5, 4, 3, 2, 1, 1])
LENGTHS = np.array([6, 6, 8, 9, 9])
HIDDEN_WORDS = [2, 3, 8, 15, 16, 22, 31, 36]
HIDDEN_FIELDS = torch.tensor([[1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]).bool()
MASK = 4


@cache
def language_model(folder: Path) -> LoadedLanguageModel:
    return load_language_model(LanguageModelConfig(name=str(folder), max_length=64, dropout=0.0))


def flip(folder: Path, **settings) -> FLIP:
    torch.manual_seed(0)
    ctr_config = DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(6,), embedding_std=0.5)
    ctr = build_ctr_model(ctr_config, 3, 20)
    loaded = deepcopy(language_model(folder))
    method = FLIP(FLIPConfig(**{"negatives": 4, **settings}), ctr, loaded.encoder, "mean")
    statistics = FieldStatistics(("a", "b", "c"), ("user", "item", "item"), OFFSETS, COUNTS)
    method.add_pretraining_heads(
        SimpleNamespace(statistics=statistics, masked_token_head=lambda: loaded.masked_token_head)
    )
    if method.masked_table is not None:
        torch.nn.init.normal_(method.masked_table.mask_vectors)
    return method.double()


def batch() -> ClickBatch:
    """Fields 0, 1 and 2 hold rows below 7, 12 and 17."""
    generator = torch.Generator().manual_seed(3)
    words = torch.randint(5, 60, (int(LENGTHS.sum()),), generator=generator)
    targets = words[HIDDEN_WORDS].clone()
    words[HIDDEN_WORDS] = MASK
    return ClickBatch(
        rows=torch.arange(5),
        feature_ids=torch.tensor([[0, 8, 12], [3, 7, 13], [6, 11, 12], [17, 10, 16], [2, 9, 14]]),
        labels=torch.ones(5).double(),
        tokens=token_batch(words.numpy(), LENGTHS),
        masked=masked_tokens(np.array(HIDDEN_WORDS), targets.numpy(), LENGTHS),
        masked_fields=HIDDEN_FIELDS,
    )


def read(method: FLIP, rows: ClickBatch, intact: bool) -> list[np.ndarray]:
    """States of each sentence, read one sentence at a time."""
    ids = rows.tokens.ids.clone()
    if intact:
        ids[HIDDEN_WORDS] = rows.masked.targets
    return [
        method.language(token_batch(one.numpy(), np.array([len(one)]))).last.numpy()
        for one in torch.split(ids, LENGTHS.tolist())
    ]


def numbers(layer) -> tuple[np.ndarray, np.ndarray]:
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - x.max(-1, keepdims=True) - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.log1p(np.exp(-x))


def reference_mlm(method: FLIP, rows: ClickBatch) -> float:
    states = np.concatenate(read(method, rows, intact=False))
    q = np.repeat(method.ctr.representation(rows.feature_ids).numpy(), LENGTHS, axis=0)
    weight, bias = numbers(method.masked_language.fuse)
    fused = np.tanh(np.concatenate([states, q], 1)[HIDDEN_WORDS] @ weight.T + bias)
    scores = log_softmax(method.masked_token_head(torch.from_numpy(fused)).numpy())
    return -scores[np.arange(len(HIDDEN_WORDS)), rows.masked.targets.numpy()].mean()


def reference_mtm(method: FLIP, rows: ClickBatch) -> float:
    """Noise-contrastive estimation with s_v and the noise written out."""
    table = method.masked_table
    embeddings = method.ctr.embedding.weight.numpy()[rows.feature_ids.numpy()].copy()
    masks = np.broadcast_to(table.mask_vectors.detach().numpy(), (3, 4))
    row, field = np.nonzero(HIDDEN_FIELDS.numpy())
    embeddings[row, field] = masks[field]
    q = method.ctr.interact(torch.from_numpy(embeddings)).numpy()
    (wq, bq), (wr, br) = numbers(table.query), numbers(table.recover)
    recovered = []
    for one, states in zip(q, read(method, rows, intact=True), strict=True):
        scores = states @ (wq @ one + bq) / np.sqrt(states.shape[1])
        heard = np.exp(log_softmax(scores)) @ states
        recovered.append((wr @ np.concatenate([heard, one]) + br).reshape(3, 32))
    count = method.config.negatives
    noise = table.sample(torch.from_numpy(field)).numpy()
    weight = table.candidates.weight.detach().numpy()
    total = 0.0
    for r, f, drawn in zip(row, field, noise, strict=True):
        of_field = (
            COUNTS[OFFSETS[f] : OFFSETS[f + 1]].sum() if method.config.negatives_from == "field" else COUNTS.sum()
        )
        log_n = np.log(COUNTS / of_field)
        values = np.concatenate([[rows.feature_ids[r, f].item()], drawn])
        s = weight[values, :32] @ recovered[r][f] + weight[values, 32] + log_n[values]
        odds = s - np.log(count) - log_n[values]
        total -= log_sigmoid(odds[0]) + log_sigmoid(-odds[1:]).sum()
    return total / len(row)


def reference_icl(method: FLIP, rows: ClickBatch) -> float:
    first = np.stack([states[0] for states in read(method, rows, intact=True)])
    (wi, bi), (ww, bw) = numbers(method.instance_contrast.of_ids), numbers(method.instance_contrast.of_words)
    a, b = method.ctr.representation(rows.feature_ids).numpy() @ wi.T + bi, first @ ww.T + bw
    assert a.shape == b.shape == (5, 128)
    similar = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1) / method.config.temperature
    return -(np.diag(log_softmax(similar)).mean() + np.diag(log_softmax(similar.T)).mean()) / 2


LOSSES = {"mlm": reference_mlm, "mtm": reference_mtm, "icl": reference_icl}
SOME = [("mlm",), ("mtm",), ("icl",), ("mlm", "mtm"), ("mlm", "icl"), ("mtm", "icl"), ("mlm", "mtm", "icl")]


@pytest.mark.parametrize("on", SOME, ids="+".join)
@torch.no_grad()
def test_the_loss_is_the_sum_of_those_switched_on(tiny_bert, on):
    method, rows = flip(tiny_bert, **{name: name in on for name in LOSSES}), batch()
    torch.manual_seed(2)
    loss = method.pretraining_loss(rows).item() / method.pretraining_amount(rows)
    torch.manual_seed(2)
    np.testing.assert_allclose(loss, sum(LOSSES[name](method, rows) for name in on), rtol=1e-10)
    assert method.pretraining_amount(rows) == 5


@pytest.mark.parametrize(
    "settings", [{"negatives_from": "all", "negatives": 7}, {"shared_mask": True}, {"temperature": 0.2}]
)
@torch.no_grad()
def test_the_loss_under_other_settings(tiny_bert, settings):
    method, rows = flip(tiny_bert, **settings), batch()
    assert method.masked_table.mask_vectors.shape == (1 if "shared_mask" in settings else 3, 4)
    torch.manual_seed(2)
    loss = method.pretraining_loss(rows).item() / 5
    torch.manual_seed(2)
    np.testing.assert_allclose(loss, sum(of(method, rows) for of in LOSSES.values()), rtol=1e-10)


def test_noise_over_all_fields_follows_training_frequency(tiny_bert):
    table = flip(tiny_bert, negatives_from="all", negatives=50).masked_table
    torch.manual_seed(1)
    drawn = table.sample(torch.zeros(2000, dtype=torch.long))
    assert drawn.shape == (2000, 50)
    shares = np.bincount(drawn.flatten().numpy(), minlength=17) / drawn.numel()
    np.testing.assert_allclose(shares, COUNTS / COUNTS.sum(), atol=0.005)


@torch.no_grad()
def heard(method: FLIP, rows: ClickBatch) -> dict[tuple[str, str], torch.Tensor]:
    """What each loss is computed from."""
    seen, handles = {}, []
    heads = (
        (method.masked_language, "states q"),
        (method.masked_table, "q states"),
        (method.instance_contrast, "q states"),
    )
    for head, names in heads:

        def listen(module, args, names=names):
            seen.update({(type(module).__name__, name): arg for name, arg in zip(names.split(), args, strict=False)})

        handles.append(head.register_forward_pre_hook(listen))
    method.pretraining_loss(rows)
    for handle in handles:
        handle.remove()
    return seen


def test_hidden_ids_are_seen_by_the_intact_pass_alone(tiny_bert):
    method, rows = flip(tiny_bert), batch()
    before = heard(method, rows)
    other = torch.tensor([[5, 7, 14], [1, 11, 15], [4, 8, 13], [1, 7, 13], [0, 7, 16]])
    after = heard(method, replace(rows, feature_ids=torch.where(HIDDEN_FIELDS, other, rows.feature_ids)))
    assert torch.equal(before["MaskedTable", "q"], after["MaskedTable", "q"])
    for loss in ("MaskedLanguage", "InstanceContrast"):
        assert (before[loss, "q"] != after[loss, "q"]).any(1).all(), loss
        assert torch.equal(before[loss, "states"], after[loss, "states"])
    shown = heard(method, replace(rows, feature_ids=torch.where(HIDDEN_FIELDS, rows.feature_ids, other)))
    assert (before["MaskedTable", "q"] != shown["MaskedTable", "q"]).any(1).all()


def test_hidden_words_are_seen_by_the_intact_pass_alone(tiny_bert):
    method, rows = flip(tiny_bert), batch()
    before = heard(method, rows)
    after = heard(method, replace(rows, masked=replace(rows.masked, targets=rows.masked.targets + 1)))
    assert torch.equal(before["MaskedLanguage", "states"], after["MaskedLanguage", "states"])
    changed = (before["MaskedTable", "states"] != after["MaskedTable", "states"]).any(1)
    assert changed.all()  # every sentence has a hidden word, and every word sees it
    assert (before["InstanceContrast", "states"] != after["InstanceContrast", "states"]).any(1).all()
    for loss in ("MaskedLanguage", "MaskedTable", "InstanceContrast"):
        assert torch.equal(before[loss, "q"], after[loss, "q"])


def test_every_part_learns_but_the_heads_of_finetuning(tiny_bert):
    method = flip(tiny_bert)
    method.pretraining_loss(batch()).backward()
    untaught = {n for n, p in method.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert all(name.startswith(("ctr.output", "language_head", "alpha")) for name in untaught), untaught
    every = [id(p) for part in method.parts().values() for p in part]
    assert len(every) == len(set(every)) == len(list(method.parameters()))
    assert method.parts()["ctr"][0] is method.alpha
    assert len(method.embedding_tables()) == 2


@pytest.mark.parametrize("off", ["mlm", "mtm", "icl"])
def test_a_loss_that_is_off_has_no_weights(tiny_bert, off):
    method = flip(tiny_bert, **{off: False})
    method.pretraining_loss(batch()).backward()
    untaught = {n for n, p in method.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert all(name.startswith(("ctr.output", "language_head", "alpha")) for name in untaught), untaught


def test_nothing_hidden_leaves_the_contrast(tiny_bert):
    method, rows = flip(tiny_bert), batch()
    ids = rows.tokens.ids.index_copy(0, rows.masked.positions, rows.masked.targets)
    nothing = masked_tokens(np.zeros(0, np.int64), np.zeros(0, np.int64), LENGTHS)
    bare = replace(
        rows,
        tokens=replace(rows.tokens, ids=ids),
        masked=nothing,
        masked_fields=torch.zeros_like(HIDDEN_FIELDS),
    )
    with torch.no_grad():
        np.testing.assert_allclose(method.pretraining_loss(bare).item() / 5, reference_icl(method, rows), rtol=1e-10)
    method.pretraining_loss(bare).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())


def test_attention_reads_each_sentence_apart():
    torch.manual_seed(0)
    states, queries = torch.randn(11, 3).double(), torch.randn(4, 3).double()
    expected = [
        torch.softmax(own @ query / 3**0.5, 0) @ own
        for query, own in zip(queries, states.split([2, 2, 3, 4]), strict=True)
    ]
    torch.testing.assert_close(attend(queries, states, ((2, 2), (1, 3), (1, 4))), torch.stack(expected))


def test_the_batch_changes_no_score(tiny_bert):
    method, rows = flip(tiny_bert).eval(), batch()
    with torch.no_grad():
        scores = method(rows).logits
        words = rows.tokens.ids.split(LENGTHS.tolist())
        for row in range(5):
            tokens = token_batch(words[row].numpy(), LENGTHS[row : row + 1])
            alone = ClickBatch(
                rows.rows[row : row + 1], rows.feature_ids[row : row + 1], rows.labels[:1], tokens=tokens
            )
            torch.testing.assert_close(method(alone).logits[0], scores[row], rtol=1e-11, atol=1e-11)
        assert torch.equal(method(replace(rows, labels=1 - rows.labels)).logits, scores)


def test_settings_that_cannot_be():
    with pytest.raises(ValidationError, match="mlm, mtm and icl are all off"):
        FLIPConfig(mlm=False, mtm=False, icl=False)
    for name, value in {"temperature": 0, "negatives": 0, "negatives_from": "batch", "alpha": 1.5}.items():
        with pytest.raises(ValidationError, match=name):
            FLIPConfig(**{name: value})


def test_a_batch_with_nothing_hidden_is_refused(tiny_bert):
    method, rows = flip(tiny_bert), batch()
    for missing in ({"masked": None}, {"masked_fields": None}):
        with pytest.raises(ValueError, match="hidden values and hidden ids"):
            method.pretraining_loss(replace(rows, **missing))
