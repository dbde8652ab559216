from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.fgcnn import FGCNNConfig, FieldConvolution
from clickprompt.testing.ctr_model_contract import CTRModelContract, Weights, numpy_tower


class TestFGCNN(CTRModelContract):
    """Five fields: pooling by two leaves three rows, the last window holding one field, then two."""

    config: ClassVar[FGCNNConfig] = FGCNNConfig(
        embedding_dim=3, channels=(2, 3), kernel_height=3, pooling=2, recombined=2, hidden_sizes=(8, 4)
    )
    num_fields = 5

    def convolved(self, kernel: np.ndarray, bias: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """tanh of the zero-padded convolution along rows: maps (channels, height, dim) → (out, height, dim)."""
        height, reach = maps.shape[1], kernel.shape[2] // 2
        out = np.zeros((len(kernel), height, maps.shape[2]))
        for target in range(len(kernel)):
            for row in range(height):
                for source in range(len(maps)):
                    for tap in range(-reach, reach + 1):
                        if 0 <= row + tap < height:
                            out[target, row] += kernel[target, source, tap + reach] * maps[source, row + tap]
                out[target, row] += bias[target]
        return np.tanh(out)

    def generated(self, weights: Weights, e: np.ndarray) -> list[np.ndarray]:
        """New features of one row, from its second embeddings (fields, dim)."""
        maps, features = e[np.newaxis], []
        for layer in range(len(self.config.channels)):
            name = f"generation.convolutions.{layer}"
            maps = self.convolved(weights[f"{name}.kernel"], weights[f"{name}.bias"], maps)
            windows = range(0, maps.shape[1], self.config.pooling)
            maps = np.stack([maps[:, start : start + self.config.pooling].max(axis=1) for start in windows], axis=1)
            name = f"generation.recombinations.{layer}"
            flat = maps.transpose(2, 0, 1).ravel()  # the weights take column, channel, row
            new = np.tanh(weights[f"{name}.weight"] @ flat + weights[f"{name}.bias"])
            assert len(new) == self.config.recombined * maps.shape[1] * self.config.embedding_dim
            features += list(new.reshape(-1, self.config.embedding_dim))
        return features

    def reference(self, weights: Weights, embeddings: np.ndarray) -> np.ndarray:
        dim, inputs = self.config.embedding_dim, []
        for e in embeddings:
            features = [*e[:, :dim], *self.generated(weights, e[:, dim:])]
            products = [features[i] @ features[j] for i in range(len(features)) for j in range(i + 1, len(features))]
            inputs.append(np.concatenate([*features, products]))
        return numpy_tower(weights, np.array(inputs))


class TestFGCNNPoolingDownToOneRow(TestFGCNN):
    config: ClassVar[FGCNNConfig] = FGCNNConfig(
        embedding_dim=2, channels=(2, 1, 3), kernel_height=7, pooling=3, recombined=1, hidden_sizes=(6,)
    )
    num_fields = 4


@pytest.mark.parametrize(("height", "kernel_height", "pooling"), [(8, 7, 2), (9, 3, 3), (6, 1, 1)])
def test_where_pooling_divides_the_layer_is_the_usual_convolution(height: int, kernel_height: int, pooling: int):
    torch.manual_seed(0)
    layer = FieldConvolution((3, 4), height, kernel_height, pooling).double()
    torch.nn.init.normal_(layer.bias)
    maps = torch.randn(5, 3, height, 2, dtype=torch.float64)
    usual = F.conv2d(maps, layer.kernel.unsqueeze(3), layer.bias, padding=(kernel_height // 2, 0))
    usual = F.max_pool2d(torch.tanh(usual), (pooling, 1))
    ours = layer(maps.permute(0, 3, 1, 2).flatten(2)).unflatten(2, (4, -1)).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours, usual, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("fields", "generated"), [(1, 12), (5, 3 * (3 + 2 + 1 + 1)), (8, 24), (15, 3 * (8 + 4 + 2 + 1))]
)
def test_few_fields_still_leave_a_row_to_pool(fields: int, generated: int):
    model = build_ctr_model(FGCNNConfig(), fields, 40)
    assert model.generation.generated == generated
    assert model(torch.zeros(2, fields, dtype=torch.int64)).shape == (2,)


def test_a_kernel_needs_a_middle():
    with pytest.raises(ValidationError, match="a kernel needs a middle row; take an odd height"):
        FGCNNConfig(kernel_height=4)
