"""FGCNN: convolutions over neighbouring fields make new features for a product network (Liu et al., WWW'19)."""

from __future__ import annotations

import math
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from pydantic import PositiveInt, field_validator
from torch import Tensor, nn

from clickprompt.ctr.ipnn import InnerProducts
from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class FGCNNConfig(CTRModelConfig):
    """FGCNN: generated features beside the raw ones, then pair products and a deep tower."""

    published = published_sizes(
        embedding_dim=[16, 16, 8, 8],
        channels=(6, 8, 10, 12),
        kernel_height=7,
        pooling=2,
        recombined=3,
        hidden_sizes=(256,) * 3,
    )

    kind: Literal["fgcnn"] = "fgcnn"
    embedding_dim: PositiveInt = 16
    """Width of an embedding; a row of the table holds two, one raw and one for the convolutions."""
    channels: tuple[PositiveInt, ...] = Setting(default=(6, 8, 10, 12), min_length=1)
    """Feature maps of each convolution."""
    kernel_height: PositiveInt = 7
    """Fields that a convolution sees at once; odd."""
    pooling: PositiveInt = 2
    """Neighbours of which max pooling keeps one; the last window may be short, so a single row stays a row."""
    recombined: PositiveInt = 3
    """New features that each convolution's maps are recombined into, per pooled row."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 3, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""

    @field_validator("kernel_height")
    @classmethod
    def _kernel_has_a_middle(cls, height: int) -> int:
        if height % 2 == 0:
            raise ValueError("a kernel needs a middle row; take an odd height")
        return height

    @property
    def embedding_width(self) -> int:
        """The raw embedding beside the one for the convolutions."""
        return 2 * self.embedding_dim


class FieldConvolution(nn.Module):
    """max over neighbours of tanh(K ∗ x + b): a kernel over neighbouring fields, the same for each embedding column.

    The kernel is laid out as a banded matrix over all rows: few fields make that far quicker than a convolution. The
    band's rows are ordered by their place in the pooling window, so pooling is a maximum of slices; a short last
    window repeats its last row. Fields beyond the edges count as zero.
    Shapes: (batch, columns, in_channels·height) → (batch, columns, out_channels·⌈height/pooling⌉).
    Source: arXiv 1904.04447, feature generation: convolutional and pooling layers.
    """

    taps: Tensor

    def __init__(self, channels: tuple[int, int], height: int, kernel_height: int, pooling: int) -> None:
        super().__init__()
        self.window = min(pooling, height)
        self.pooled = math.ceil(height / self.window)
        self.kernel = nn.Parameter(torch.empty(channels[1], channels[0], kernel_height))
        nn.init.xavier_uniform_(self.kernel)
        self.bias = nn.Parameter(torch.zeros(channels[1]))
        starts = self.window * torch.arange(self.pooled)
        rows = (starts + torch.arange(self.window).unsqueeze(1)).clamp(max=height - 1)
        taps = torch.arange(height) - rows.unsqueeze(2) + kernel_height // 2
        outside = (taps < 0) | (taps >= kernel_height)
        self.register_buffer("taps", taps.masked_fill(outside, kernel_height), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        kernel = F.pad(self.kernel, (0, 1)).index_select(2, self.taps.flatten()).unflatten(2, self.taps.shape)
        band = kernel.permute(2, 0, 3, 1, 4).flatten(3).flatten(0, 2)
        bias = self.bias.repeat_interleave(self.pooled).repeat(self.window)
        maps = F.linear(rows, band, bias)
        return torch.tanh(reduce(torch.maximum, maps.chunk(self.window, dim=2)))  # tanh grows: the maximum may go first


class FeatureGeneration(nn.Module):
    """New features R^l = tanh(W^l S^l + b^l) of every layer, S^l the pooled maps of the l-th convolution.

    Shapes: embeddings (batch, fields, dim) → (batch, generated, dim), generated = Σ_l recombined·height_l, where
    height_0 = fields and height_l = ⌈height_{l−1}/pooling⌉. Source: arXiv 1904.04447, recombination layer.
    """

    def __init__(self, config: FGCNNConfig, num_fields: int) -> None:
        super().__init__()
        self.dim = config.embedding_dim
        self.convolutions, self.recombinations = nn.ModuleList(), nn.ModuleList()
        self.generated, height, maps = 0, num_fields, 1
        for channels in config.channels:
            convolution = FieldConvolution((maps, channels), height, config.kernel_height, config.pooling)
            self.convolutions.append(convolution)
            height, maps = convolution.pooled, channels
            features = config.recombined * height
            self.recombinations.append(nn.Linear(self.dim * maps * height, features * self.dim))
            self.generated += features

    def forward(self, embeddings: Tensor) -> Tensor:
        maps, features = embeddings.transpose(1, 2), []
        for convolution, recombination in zip(self.convolutions, self.recombinations, strict=True):
            maps = convolution(maps)
            features.append(torch.tanh(recombination(maps.flatten(1))))
        return torch.cat(features, dim=1).unflatten(1, (self.generated, self.dim))


class FGCNN(CTRModel):
    """q = MLP(x ⊕ ⟨x_i, x_j⟩_{i<j}), x the raw embeddings and the features generated from the second embeddings.

    Shapes: embeddings (batch, fields, 2·embedding_dim), raw ⊕ second → q (batch, hidden_sizes[-1]).
    Source: arXiv 1904.04447, section 3, without batch normalisation.
    """

    def __init__(self, config: FGCNNConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        self.generation = FeatureGeneration(config, num_fields)
        features = num_fields + self.generation.generated
        self.products = InnerProducts(features)
        width = features * config.embedding_dim + len(self.products.pairs)
        self.deep = tower(width, config.hidden_sizes, config.dropout)
        self.build_head(config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        raw, second = embeddings.chunk(2, dim=2)
        features = torch.cat([raw, self.generation(second)], dim=1)
        return self.deep(torch.cat([features.flatten(1), self.products(features)], dim=1))
