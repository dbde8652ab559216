import numpy as np
import torch

from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.training.rowwise_adagrad import RowwiseAdagrad


def test_equals_the_formula():
    torch.manual_seed(0)
    table = EmbeddingTable(6, 3, std=1.0).double()
    weight, accumulated = table.weight.detach().numpy().copy(), np.zeros(6)
    optimizer = RowwiseAdagrad(table, 0.1)
    for step in range(20):
        ids, target = torch.randint(0, 5, (4,)), torch.randn(4, 3).double()
        optimizer.rate = 0.1 / (step + 1)
        (table(ids) * target).sum().backward()
        optimizer.step()
        gradient = np.zeros((6, 3))
        np.add.at(gradient, ids.numpy(), target.numpy())
        accumulated += (gradient**2).mean(1)
        weight -= 0.1 / (step + 1) * gradient / (np.sqrt(accumulated) + 1e-8)[:, None]
    optimizer.release()
    np.testing.assert_allclose(table.weight.detach().numpy(), weight, rtol=1e-12)


def test_keeps_one_number_a_row():
    assert RowwiseAdagrad(EmbeddingTable(1000, 16, std=1.0), 0.1).accumulated.shape == (1000,)
