"""DCN: a cross network with a vector a layer beside a deep tower (Wang et al., ADKDD'17)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class DCNConfig(CTRModelConfig):
    """DCN: a cross network with a vector a layer beside a deep tower."""

    published = published_sizes(
        cross_layers=[4, 4, 3, 4], hidden_sizes=[(256,) * 4, (256,) * 4, (256,) * 3, (512,) * 4]
    )

    kind: Literal["dcn"] = "dcn"
    cross_layers: PositiveInt = 4
    """Layer l holds interactions of up to l + 1 fields."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 4, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""


class CrossLayer(nn.Module):
    """x_0 (w·x) + b + x.

    Shapes: x_0 and x (batch, width) → (batch, width). Source: arXiv 1708.05123, eq. 3.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Linear(width, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x0: Tensor, x: Tensor) -> Tensor:
        return torch.addcmul(x + self.bias, x0, self.scale(x))


class DCN(CTRModel):
    """x_{l+1} = x_0 (w_l·x_l) + b_l + x_l;  q = x_L ⊕ MLP(x_0), x_0 the concatenated embeddings.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, fields·embedding_dim + hidden_sizes[-1]).
    Source: arXiv 1708.05123, eq. 3 to 5.
    """

    def __init__(self, config: DCNConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        width = num_fields * config.embedding_dim
        self.cross = nn.ModuleList(CrossLayer(width) for _ in range(config.cross_layers))
        self.deep = tower(width, config.hidden_sizes, config.dropout)
        self.build_head(width + config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        x0 = x = embeddings.flatten(1)
        for layer in self.cross:
            x = layer(x0, x)
        return torch.cat([x, self.deep(x0)], dim=1)
