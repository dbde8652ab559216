import numpy as np

from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestDCNv2(CTRModelContract):
    config = DCNv2Config(embedding_dim=3, cross_layers=2, hidden_sizes=(8, 4))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        x0 = x = embeddings.reshape(len(embeddings), -1)
        for layer in range(self.config.cross_layers):
            x = x0 * (x @ weights[f"cross.{layer}.weight"].T + weights[f"cross.{layer}.bias"]) + x
        return np.concatenate([x, numpy_tower(weights, x0)], axis=1)
