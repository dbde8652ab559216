from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.ctr.registry import build_ctr_model
from clickprompt.training.idle_steps import Adam, IdleSteps, gauss
from clickprompt.training.schedule import learning_rate_factor
from clickprompt.training.sparse_adamw import SparseAdamW

STEPS, ROWS, FIELDS = 2000, 60, 3

Gradients = list[tuple[torch.Tensor, torch.Tensor]]


def rates(base: float = 1e-3) -> list[float]:
    return [base * learning_rate_factor(step, STEPS, 0.05, "cosine") for step in range(STEPS)]


@pytest.fixture(scope="module")
def recorded() -> tuple[torch.Tensor, Gradients]:
    """The start of a table and its gradients over a real training: some rows are hit at every step, some once."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    model = build_ctr_model(DCNv2Config(embedding_dim=4, cross_layers=1, hidden_sizes=(8,)), FIELDS, ROWS).double()
    start = model.embedding.weight.detach().clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    frequent = random.zipf(1.3, (STEPS, 8, FIELDS)) % ROWS
    once = random.permutation(STEPS)[:20]
    frequent[frequent >= 40] = 0
    for row, step in enumerate(once):
        frequent[step, 0, 0] = 40 + row
    frequent[:, 0, 1] = 5
    taste = random.normal(size=ROWS)
    gradients = []
    for ids in torch.from_numpy(frequent):
        label = (torch.from_numpy(taste)[ids].sum(1) + torch.randn(8) > 0).double()
        F.binary_cross_entropy_with_logits(model(ids), label).backward()
        index = ids.unique()
        gradients.append((index, model.embedding.weight.grad[index].clone()))
        optimizer.step()
        optimizer.zero_grad()
    return start, gradients


def train_dense(start: torch.Tensor, gradients: Gradients, epsilon: float, decay: float) -> torch.Tensor:
    weight = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.AdamW([weight], weight_decay=decay, eps=epsilon)
    for (index, gradient), rate in zip(gradients, rates(), strict=True):
        weight.grad = torch.zeros_like(weight).index_copy(0, index, gradient)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return weight.detach()


def sparse_over(start: torch.Tensor, epsilon: float, decay: float) -> tuple[EmbeddingTable, SparseAdamW]:
    table = EmbeddingTable(*start.shape, std=1.0).to(start.dtype)
    table.weight.data.copy_(start)
    return table, SparseAdamW(table, 1e-3, Adam(epsilon=epsilon, weight_decay=decay))


def take(table: EmbeddingTable, optimizer: SparseAdamW, index: torch.Tensor, gradient: torch.Tensor, rate: float):
    optimizer.rate = rate
    (table(index) * gradient).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("epsilon", "tolerance"), [(1e-15, 1e-9), (1e-8, 1e-5), (1e-3, 1e-5)])
def test_equals_dense_adamw(recorded: tuple[torch.Tensor, Gradients], epsilon: float, tolerance: float, decay: float):
    start, gradients = recorded
    dense = train_dense(start, gradients, epsilon, decay)
    table, optimizer = sparse_over(start, epsilon, decay)
    for (index, gradient), rate in zip(gradients, rates(), strict=True):
        take(table, optimizer, index, gradient, rate)
    optimizer.release()
    assert table.lookup is None
    torch.testing.assert_close(table.weight.detach(), dense, rtol=tolerance, atol=tolerance * 1e-3)
    touched = torch.cat([index for index, _ in gradients]).unique()
    assert len(touched) > 50
    assert (dense[touched] - start[touched]).abs().max(dim=1).values.min() > 1e-6


def test_single_precision_stays_close(recorded: tuple[torch.Tensor, Gradients]):
    start, gradients = recorded
    dense = train_dense(start, gradients, 1e-8, 0.1)
    table, optimizer = sparse_over(start.float(), 1e-8, 0.1)
    for (index, gradient), rate in zip(gradients, rates(), strict=True):
        take(table, optimizer, index, gradient.float(), rate)
    optimizer.release()
    torch.testing.assert_close(table.weight.detach().double(), dense, rtol=1e-4, atol=1e-5)


def test_looking_changes_nothing(recorded: tuple[torch.Tensor, Gradients]):
    """Scores and snapshots at any time leave training bitwise as it was, and show what dense AdamW would."""
    start, gradients = recorded
    tables = [sparse_over(start, 1e-8, 0.1) for _ in range(2)]
    dense = torch.nn.Parameter(start.clone())
    dense_optimizer = torch.optim.AdamW([dense], weight_decay=0.1)
    for step, ((index, gradient), rate) in enumerate(zip(gradients[:700], rates(), strict=False)):
        for table, optimizer in tables:
            take(table, optimizer, index, gradient, rate)
        dense.grad = torch.zeros_like(dense).index_copy(0, index, gradient)
        dense_optimizer.param_groups[0]["lr"] = rate
        dense_optimizer.step()
        if step % 50 == 0:
            table, optimizer = tables[0]
            with torch.no_grad():
                seen = table(torch.arange(ROWS))
            copy = torch.empty_like(start)
            optimizer.read_into(copy)
            assert torch.equal(seen, copy)
            torch.testing.assert_close(copy, dense.detach(), rtol=1e-8, atol=1e-12)
    (_, first), (_, second) = tables
    assert torch.equal(first.table.weight, second.table.weight)
    assert torch.equal(first.rows, second.rows)


def test_several_lookups_of_a_step_add_up(recorded: tuple[torch.Tensor, Gradients]):
    start, _ = recorded
    whole, parts = sparse_over(start, 1e-8, 0.0), sparse_over(start, 1e-8, 0.0)
    for ids in torch.randint(0, ROWS, (30, 12), generator=torch.Generator().manual_seed(3)):
        for (table, optimizer), pieces in ((whole, 1), (parts, 3)):
            sum(table(piece).square().sum() for piece in ids.chunk(pieces)).backward()
            optimizer.step()
    torch.testing.assert_close(whole[0].weight, parts[0].weight, rtol=1e-12, atol=1e-14)


def test_repeated_ids_share_a_row(recorded: tuple[torch.Tensor, Gradients]):
    start, _ = recorded
    table, optimizer = sparse_over(start, 1e-8, 0.0)
    table(torch.tensor([[7, 7], [7, 1]])).sum().backward()
    (rows,) = optimizer.gradients()
    assert rows.grad is not None
    assert rows.grad[:, 0].tolist() == [1.0, 3.0]


def test_rows_never_looked_up_only_decay(recorded: tuple[torch.Tensor, Gradients]):
    start, _ = recorded
    table, optimizer = sparse_over(start, 1e-8, 0.5)
    for _ in range(5):
        table(torch.tensor([0])).sum().backward()
        optimizer.rate = 0.1
        optimizer.step()
    optimizer.release()
    torch.testing.assert_close(table.weight[1:].detach(), start[1:] * 0.95**5, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("many", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_drift_is_the_sum_of_its_terms(decay: float, many: bool):
    """Every last step, from gradients of nothing but ε to large ones, while windows are open and after they closed."""
    adam = Adam(weight_decay=decay)
    idle = IdleSteps(adam, torch.device("cpu"), torch.float64)
    root = torch.tensor([1e-9, 1e-6, 1e-4, 1e-2, 1.0], dtype=torch.float64)
    known = np.array([0.0, *rates(0.01)])
    decays = np.cumprod(1 - known * decay)
    for n in range(1, 1101):
        idle.advance(known[n])
        if n not in (1, 2, 40, 305, 312, 620, 1100):
            continue
        last = torch.arange(n + 1)
        moved = idle.drift(last, torch.ones(n + 1, 5, dtype=torch.float64), root.expand(n + 1, 5), many=many)
        expected = np.zeros((n + 1, 5))
        for t in range(1, n):
            s = np.arange(t + 1, n + 1)
            w = known[s] * 0.9 ** (s - t) / (1 - 0.9**s) * decays[n] / decays[s]
            u = 0.999 ** ((s - t) / 2) / np.sqrt(1 - 0.999**s)
            expected[t] = (w[:, None] / (root.numpy() * u[:, None] + 1e-8)).sum(0)
        np.testing.assert_allclose(moved.numpy(), expected, rtol=2e-10, atol=0)


def test_gauss_sums_polynomials_exactly():
    random = np.random.default_rng(0)
    weights, nodes = random.random(50), random.random(50) + 1
    found, places = gauss(weights, nodes, 4)
    for degree in range(8):
        np.testing.assert_allclose((found * places**degree).sum(), (weights * nodes**degree).sum(), rtol=1e-11)


def test_gauss_of_few_nodes_is_those_nodes():
    found, places = gauss(np.array([2.0, 3.0]), np.array([1.0, 5.0]), 6)
    np.testing.assert_allclose((found / (places + 0.5)).sum(), 2 / 1.5 + 3 / 5.5, rtol=1e-12)


def test_momentum_must_fade_faster_than_the_second_moment():
    with pytest.raises(ValueError, match=r"beta1 0\.99 must be below √beta2"):
        IdleSteps(Adam(beta1=0.99, beta2=0.9), torch.device("cpu"), torch.float64)


def test_a_table_has_one_optimizer_at_a_time(recorded: tuple[torch.Tensor, Gradients]):
    start, _ = recorded
    table, optimizer = sparse_over(start, 1e-8, 0.1)
    with pytest.raises(ValueError, match="another optimizer trains this table"):
        SparseAdamW(table, 1e-3, Adam())
    for _ in range(3):
        table(torch.tensor([0, 3])).sum().backward()
        optimizer.step()
    optimizer.release()
    released = table.weight.detach().clone()
    optimizer.release()
    assert torch.equal(table.weight, released), "releasing twice changes nothing"
    assert table.weight.is_contiguous()
    SparseAdamW(table, 1e-3, Adam())


def test_only_whole_precision_is_trained_by_rows():
    with pytest.raises(ValueError, match=r"a table of torch.bfloat16 cannot be trained row by row"):
        SparseAdamW(EmbeddingTable(4, 2, std=1.0).bfloat16(), 1e-3, Adam())
