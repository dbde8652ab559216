import numpy as np

from clickprompt.ctr.dcn import DCNConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestDCN(CTRModelContract):
    config = DCNConfig(embedding_dim=3, cross_layers=3, hidden_sizes=(8, 4))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        rows = embeddings.reshape(len(embeddings), -1)
        crossed = []
        for x0 in rows:
            x = x0
            for layer in range(self.config.cross_layers):
                w, b = weights[f"cross.{layer}.scale.weight"][0], weights[f"cross.{layer}.bias"]
                x = np.outer(x0, x) @ w + b + x
            crossed.append(x)
        return np.concatenate([np.stack(crossed), numpy_tower(weights, rows)], axis=1)


def test_the_authors_sizes():
    configs = [DCNConfig(preset=name) for name in DCNConfig.published]
    assert [config.cross_layers for config in configs] == [4, 4, 3, 4]
    assert [len(config.hidden_sizes) for config in configs] == [4, 4, 3, 4]
    assert configs[3].hidden_sizes == (512,) * 4
