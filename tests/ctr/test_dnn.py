import numpy as np

from clickprompt.ctr.dnn import DNNConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestDNN(CTRModelContract):
    config = DNNConfig(embedding_dim=3, hidden_sizes=(8, 5))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        return numpy_tower(weights, embeddings.reshape(len(embeddings), -1))
