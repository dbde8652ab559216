import numpy as np
import pytest
from pydantic import ValidationError

from clickprompt.ctr.x_deep_fm import XDeepFMConfig
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestXDeepFM(CTRModelContract):
    config = XDeepFMConfig(embedding_dim=3, cin_layers=(6, 4, 5), hidden_sizes=(8, 7))

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        vectors, first_order = embeddings[..., :3], embeddings[..., 3:]
        cin = np.stack([self.compressed_interaction(weights, e) for e in vectors])
        deep = numpy_tower(weights, vectors.reshape(len(vectors), -1))
        return np.concatenate([cin, deep, first_order.sum(axis=1)], axis=1)

    def compressed_interaction(self, weights: Weights, first: np.ndarray) -> np.ndarray:
        """Equations 6 and 8 of the paper for one row: every map made, then summed over its numbers."""
        maps, pooled = first, []
        for layer, count in enumerate(self.config.cin_layers):
            kernel = weights[f"cin.weights.{layer}"].reshape(count, len(maps), len(first))
            made = np.zeros((count, 3))
            for h in range(count):
                for i in range(len(maps)):
                    for j in range(len(first)):
                        made[h] += kernel[h, i, j] * maps[i] * first[j]
            last = layer == len(self.config.cin_layers) - 1
            half = count // 2 if self.config.split_half and not last else 0
            pooled += [made[h].sum() for h in range(half, count)]
            maps = made[:half] if half else made
        return np.array(pooled)

    def reference_head(self, weights: Weights, q: np.ndarray) -> np.ndarray:
        learned = weights["output.weight"].shape[1]
        return super().reference_head(weights, q[:, :learned]) + q[:, learned:].sum(axis=1)


class TestXDeepFMWithHalvesAndFirstOrder(TestXDeepFM):
    config = XDeepFMConfig(
        embedding_dim=3, cin_layers=(6, 4, 5), hidden_sizes=(8, 7), split_half=True, first_order=True
    )

    def test_widths(self) -> None:
        model = self.model()
        assert model.representation_dim == (3 + 2 + 5) + 7 + 1
        assert model.output.weight.shape == (1, model.representation_dim - 1)


class TestXDeepFMWithOneLayer(TestXDeepFM):
    config = XDeepFMConfig(embedding_dim=3, cin_layers=(5,), hidden_sizes=(8,))


def test_only_even_layers_can_be_halved():
    with pytest.raises(ValidationError, match=r"split_half needs an even number of maps .* not 25"):
        XDeepFMConfig(split_half=True)
    assert XDeepFMConfig(split_half=True, cin_layers=(4, 3)).cin_layers == (4, 3)


def test_the_authors_sizes():
    assert [len(XDeepFMConfig(preset=name).hidden_sizes) for name in XDeepFMConfig.published] == [3, 6, 3, 6]
    assert XDeepFMConfig(preset="goodreads").cin_layers == (25, 25, 25)
