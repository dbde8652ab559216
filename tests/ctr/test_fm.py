import numpy as np

from clickprompt.ctr.fm import FMConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights


class TestFM(CTRModelContract):
    config = FMConfig(embedding_dim=3)

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        vectors, first_order = embeddings[..., :3], embeddings[..., 3:]
        pairs = np.zeros((len(vectors), 3))
        for f in range(self.num_fields):
            for g in range(f):
                pairs += vectors[:, f] * vectors[:, g]
        return np.concatenate([vectors.sum(axis=1), pairs, first_order.sum(axis=1)], axis=1)

    def reference_head(self, weights: Weights, q: np.ndarray) -> np.ndarray:
        logit = weights["bias"] + q[:, 3] + q[:, 4] + q[:, 5]
        return logit + q[:, 6] if self.config.first_order else logit


class TestFMWithFirstOrder(TestFM):
    config = FMConfig(embedding_dim=3, first_order=True)


def test_only_goodreads_has_first_order_weights():
    sets = ("movielens-1m", "bookcrossing", "amazon-toys", "goodreads")
    assert [FMConfig(preset=name).embedding_width for name in sets] == [32, 32, 16, 17]
