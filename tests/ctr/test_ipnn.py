import numpy as np

from clickprompt.ctr.ipnn import IPNNConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestIPNN(CTRModelContract):
    config = IPNNConfig(embedding_dim=3, hidden_sizes=(8, 5))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        rows = []
        for e in embeddings:
            products = [sum(e[f] * e[g]) for f in range(self.num_fields) for g in range(f + 1, self.num_fields)]
            rows.append(np.concatenate([products, *e]))
        return numpy_tower(weights, np.stack(rows))


class TestIPNNOfOneField(TestIPNN):
    """Without pairs it is the plain tower."""

    num_fields = 1


def test_the_authors_sizes():
    sizes = [set(IPNNConfig(preset=name).hidden_sizes) for name in IPNNConfig.published]
    assert sizes == [{256}, {256}, {256}, {512}]
