"""Pooling of list fields, against loops over rows in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clickprompt.contracts import ListIds
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dnn import DNNConfig
from clickprompt.ctr.list_pooling import ListPooling

KINDS = ("sum", "mean", "attention")
LENGTHS = [3, 1, 0, 5, 1, 2]


def jagged(lengths: list[int], rows: int = 20, field: int = 0, seed: int = 0) -> ListIds:
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.tensor([0, *np.cumsum(lengths)])
    return ListIds(field, torch.randint(0, rows, (int(offsets[-1]),), generator=generator), offsets)


def pooling(kind: str, width: int = 4) -> ListPooling:
    torch.manual_seed(0)
    module = ListPooling((kind,), width).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=2.0)
    return module


def by_loops(kind: str, items: np.ndarray, lengths: list[int], query: np.ndarray | None) -> np.ndarray:
    pooled, start = [], 0
    for length in lengths:
        vectors = items[start : start + length]
        start += length
        if length == 0:
            pooled.append(np.zeros(items.shape[1]))
        elif kind == "attention":
            scores = np.array([vector @ query / np.sqrt(len(query)) for vector in vectors])
            weights = np.exp(scores) / sum(np.exp(scores))
            pooled.append(sum(weight * vector for weight, vector in zip(weights, vectors, strict=True)))
        else:
            pooled.append(sum(vectors) / (length if kind == "mean" else 1))
    return np.array(pooled)


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_is_the_formula(kind):
    module, ids = pooling(kind), jagged(LENGTHS)
    items = torch.randn(len(ids.members), 4, dtype=torch.float64)
    query = module.queries[0].detach().numpy() if kind == "attention" else None
    expected = by_loops(kind, items.numpy(), LENGTHS, query)
    np.testing.assert_allclose(module(items, ids).detach().numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    module, ids = pooling(kind), jagged(LENGTHS)
    items = torch.randn(len(ids.members), 4, dtype=torch.float64, requires_grad=True)
    parameters = tuple(module.parameters())
    assert torch.autograd.gradcheck(lambda items, *_: module(items, ids), (items, *parameters))


def test_attention_starts_as_the_mean_and_bears_large_scores():
    ids = jagged(LENGTHS)
    items = torch.randn(len(ids.members), 4, dtype=torch.float64)
    new = ListPooling(("attention",), 4).double()
    torch.testing.assert_close(new(items, ids), ListPooling(("mean",), 4)(items, ids))
    torch.nn.init.constant_(new.queries, 1e4)
    assert torch.isfinite(new(items, ids)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_list_feels_the_rows_beside_it(kind):
    module, ids = pooling(kind), jagged(LENGTHS)
    items = torch.randn(len(ids.members), 4, dtype=torch.float64)
    whole = module(items, ids)
    for row, length in enumerate(LENGTHS):
        start, stop = ids.offsets[row], ids.offsets[row + 1]
        alone = module(items[start:stop], ListIds(0, ids.members[start:stop], torch.tensor([0, length])))
        assert torch.equal(alone[0], whole[row])


def model(kinds: tuple[str | None, ...]):
    torch.manual_seed(0)
    return build_ctr_model(DNNConfig(embedding_dim=3, hidden_sizes=(4,), embedding_std=1.0), 4, 20, kinds)


@pytest.mark.parametrize("lists", [(1,), (0, 3), (1, 2), (0, 1, 2, 3)])
def test_pooled_columns_stand_in_their_places_by_one_lookup(lists, monkeypatch):
    ctr = model(tuple("sum" if field in lists else None for field in range(4)))
    feature_ids = torch.randint(0, 20, (len(LENGTHS), 4), generator=torch.Generator().manual_seed(1))
    ids = tuple(jagged(LENGTHS, field=field, seed=field) for field in lists)
    looked_up = []
    weight = ctr.embedding.weight
    monkeypatch.setattr(ctr.embedding, "forward", lambda rows: looked_up.append(rows.numel()) or weight[rows])
    embedded = ctr.embed(feature_ids, ids).detach().numpy()
    assert looked_up == [len(LENGTHS) * (4 - len(lists)) + len(lists) * sum(LENGTHS)]
    expected = weight.detach().numpy()[feature_ids.numpy()]
    for place in ids:
        expected[:, place.field] = by_loops("sum", weight.detach().numpy()[place.members.numpy()], LENGTHS, None)
    np.testing.assert_allclose(embedded, expected, rtol=1e-6)


def test_lists_and_model_must_fit():
    feature_ids = torch.zeros(2, 4, dtype=torch.long)
    with pytest.raises(ValueError, match="built without any"):
        model(()).embed(feature_ids, (jagged([1, 1]),))
    with pytest.raises(ValueError, match=r"list fields are \[1\], but the batch has lists of \[\]"):
        model((None, "mean", None, None)).representation(feature_ids)


def test_a_model_without_lists_has_no_new_weights():
    assert set(model(()).state_dict()) == set(model((None,) * 4).state_dict()) == set(model((None, "sum")).state_dict())
    assert set(model((None, "attention")).state_dict()) - set(model(()).state_dict()) == {"list_pooling.queries"}
