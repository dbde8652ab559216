"""IPNN: a deep tower that also reads the inner products of all pairs of fields (Qu et al., ICDM'16)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class IPNNConfig(CTRModelConfig):
    """IPNN: a deep tower that also reads the inner products of all pairs of fields."""

    published = published_sizes(hidden_sizes=[(256,) * 6, (256,) * 6, (256,) * 6, (512,) * 6])

    kind: Literal["ipnn"] = "ipnn"
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 6, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""


class InnerProducts(nn.Module):
    """⟨x_i, x_j⟩ of every pair i < j, in the order (0, 1), (0, 2), …, (1, 2), ….

    Shapes: (batch, vectors, width) → (batch, vectors · (vectors − 1) / 2).
    """

    pairs: Tensor

    def __init__(self, vectors: int) -> None:
        super().__init__()
        first, second = torch.triu_indices(vectors, vectors, offset=1)
        self.register_buffer("pairs", first * vectors + second, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, x.mT).flatten(1).index_select(1, self.pairs)


class IPNN(CTRModel):
    """q = MLP(⟨e_f, e_g⟩_{f<g} ⊕ x_0), x_0 the concatenated embeddings.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, hidden_sizes[-1]). Pairs stand in the order (0, 1),
    (0, 2), …, (1, 2), …. Source: arXiv 1611.00144, eq. 2 to 8, with a full matrix over the products.
    """

    def __init__(self, config: IPNNConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        self.products = InnerProducts(num_fields)
        width = len(self.products.pairs) + num_fields * config.embedding_dim
        self.deep = tower(width, config.hidden_sizes, config.dropout)
        self.build_head(config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        return self.deep(torch.cat([self.products(embeddings), embeddings.flatten(1)], dim=1))
