import numpy as np

from clickprompt.ctr.deep_fm import DeepFMConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestDeepFM(CTRModelContract):
    config = DeepFMConfig(embedding_dim=3, hidden_sizes=(8, 5), first_order=True)

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        vectors, first_order = embeddings[..., :3], embeddings[..., 3:]
        pairs = np.zeros((len(vectors), 3))
        for f in range(self.num_fields):
            for g in range(f):
                pairs += vectors[:, f] * vectors[:, g]
        deep = numpy_tower(weights, vectors.reshape(len(vectors), -1))
        return np.concatenate([deep, pairs, first_order.sum(axis=1)], axis=1)

    def reference_head(self, weights: Weights, q: np.ndarray) -> np.ndarray:
        deep = super().reference_head(weights, q[:, :5])
        logit = deep + q[:, 5] + q[:, 6] + q[:, 7]
        return logit + q[:, 8] if self.config.first_order else logit


class TestDeepFMWithoutFirstOrder(TestDeepFM):
    config = DeepFMConfig(embedding_dim=3, hidden_sizes=(8, 5), first_order=False)


def test_the_authors_sizes():
    assert DeepFMConfig(preset="movielens-1m").embedding_width == 33
    assert DeepFMConfig(preset="bookcrossing").embedding_width == 32
    assert DeepFMConfig(preset="bookcrossing").hidden_sizes == (256,) * 4
    assert DeepFMConfig(preset="bookcrossing", first_order=True).embedding_width == 33
