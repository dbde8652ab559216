import numpy as np
import torch

from clickprompt.contracts import ClickBatch, FieldStatistics, ListIds
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dnn import DNNConfig
from clickprompt.methods import MaskedField, MaskedFieldConfig

COUNTS = np.array([5, 3, 1, 1, 60, 30, 10])  # field 0 owns rows 0 to 3, field 1 rows 4 to 6; OOV rows 7 and 8


def masked_field(**settings) -> MaskedField:
    torch.manual_seed(0)
    statistics = FieldStatistics(("a", "b"), ("user", "item"), np.array([0, 4, 7]), COUNTS)
    ctr = build_ctr_model(DNNConfig(embedding_dim=3, hidden_sizes=(8,), embedding_std=0.5), 2, 9)
    return MaskedField(MaskedFieldConfig(**settings), ctr, statistics)


def rows(ids: list[list[int]]) -> ClickBatch:
    feature_ids = torch.tensor(ids)
    return ClickBatch(torch.arange(len(ids)), feature_ids, torch.zeros(len(ids)), masked_fields=feature_ids < 7)


def test_negatives_are_drawn_within_the_field_by_training_frequency():
    torch.manual_seed(1)
    drawn = masked_field().values.within(torch.tensor([0, 1]).repeat(4000), 50)
    for field, (low, high) in enumerate([(0, 4), (4, 7)]):
        shares = np.bincount(drawn[field::2].flatten().numpy(), minlength=7) / (4000 * 50)
        expected = np.where((np.arange(7) >= low) & (np.arange(7) < high), COUNTS, 0)
        np.testing.assert_allclose(shares, expected / expected.sum(), atol=0.01)


def test_loss_is_the_sampled_softmax_of_the_formula():
    method = masked_field(negatives=4).double()
    batch = rows([[0, 4], [3, 6], [7, 5]])  # the last row's first value is OOV
    torch.manual_seed(2)
    loss = method.pretraining_loss(batch).item()
    torch.manual_seed(2)
    masked = batch.masked_fields.numpy()
    assert method.pretraining_amount(batch) == 5
    weight = method.ctr.embedding.weight.detach().numpy()
    inputs = np.where(masked[..., None], method.mask_vector.detach().numpy(), weight[batch.feature_ids.numpy()])
    q = method.ctr.interact(torch.from_numpy(inputs)).detach()
    h = method.recover(q).detach().numpy().reshape(3, 2, 3)
    where = np.argwhere(masked)
    candidates = method.values.within(torch.from_numpy(where[:, 1]), 4).numpy()
    log_p = np.log(COUNTS / np.repeat([10, 100], [4, 3]))
    expected = 0.0
    for (row, field), negatives in zip(where, candidates, strict=True):
        target = batch.feature_ids[row, field].item()
        kept = [target] + [v for v in negatives if v != target]
        scores = np.array([h[row, field] @ weight[v] - log_p[v] for v in kept])
        expected += np.log(np.exp(scores).sum()) - scores[0]
    np.testing.assert_allclose(loss, expected, rtol=1e-7)  # frequencies are kept in float32


def test_every_part_learns():
    method = masked_field()
    torch.manual_seed(0)
    batch = rows([[0, 4], [1, 5], [2, 6], [3, 4]])
    batch.masked_fields[:2, 0] = batch.masked_fields[2:, 1] = False
    method.pretraining_loss(batch).backward()
    for name, parameter in method.named_parameters():
        if not name.startswith("ctr.output"):
            assert parameter.grad.abs().sum() > 0, name


def test_lists_are_read_and_never_recovered():
    torch.manual_seed(0)
    statistics = FieldStatistics(("a", "b"), ("user", "item"), np.array([0, 4, 7]), COUNTS, (None, "mean"))
    ctr = build_ctr_model(DNNConfig(embedding_dim=3, hidden_sizes=(8,), embedding_std=0.5), 2, 9, statistics.pooling)
    method = MaskedField(MaskedFieldConfig(), ctr, statistics)
    lists = (ListIds(1, torch.tensor([4, 6, 5]), torch.tensor([0, 2, 3])),)
    ids = torch.tensor([[0, 8], [3, 8]])
    batch = ClickBatch(torch.arange(2), ids, torch.zeros(2), masked_fields=ids < 7, lists=lists)
    assert method.pretraining_amount(batch) == 2
    method.pretraining_loss(batch).backward()
    touched = set(ctr.embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist())
    assert {4, 5, 6} <= touched
    assert 8 not in touched
    assert torch.equal(method(batch).logits, ctr(ids, lists))
