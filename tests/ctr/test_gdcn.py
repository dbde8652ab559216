import numpy as np

from clickprompt.ctr.gdcn import GDCNConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestGDCN(CTRModelContract):
    config = GDCNConfig(embedding_dim=3, cross_layers=3, hidden_sizes=(8, 4))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        flat = embeddings.reshape(len(embeddings), -1)
        crossed = np.empty_like(flat)
        for row, x0 in enumerate(flat):
            x = x0
            for layer in range(self.config.cross_layers):
                interaction = weights[f"cross.{layer}.cross.weight"] @ x + weights[f"cross.{layer}.cross.bias"]
                gate = 1 / (1 + np.exp(-weights[f"cross.{layer}.gate.weight"] @ x))
                x = x0 * interaction * gate + x
            crossed[row] = x
        return np.concatenate([crossed, numpy_tower(weights, flat)], axis=1)
