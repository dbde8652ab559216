"""DCNv2: a cross network with full matrices beside a deep tower (Wang et al., WWW'21)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class DCNv2Config(CTRModelConfig):
    """DCNv2: a cross network with full matrices beside a deep tower."""

    published = published_sizes(
        cross_layers=[6, 6, 3, 6], hidden_sizes=[(256,) * 6, (256,) * 6, (256,) * 3, (512,) * 6]
    )

    kind: Literal["dcn-v2"] = "dcn-v2"
    cross_layers: PositiveInt = 6
    """Layer l holds interactions of up to l + 1 fields."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 6, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""


class DCNv2(CTRModel):
    """x_{l+1} = x_0 ⊙ (W_l x_l + b_l) + x_l;  q = x_L ⊕ MLP(x_0), x_0 the concatenated embeddings.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, fields·embedding_dim + hidden_sizes[-1]).
    Source: arXiv 2008.13535, eq. 1, parallel structure.
    """

    def __init__(self, config: DCNv2Config, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        width = num_fields * config.embedding_dim
        self.cross = nn.ModuleList(nn.Linear(width, width) for _ in range(config.cross_layers))
        self.deep = tower(width, config.hidden_sizes, config.dropout)
        self.build_head(width + config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        x0 = x = embeddings.flatten(1)
        for layer in self.cross:
            x = torch.addcmul(x, x0, layer(x))
        return torch.cat([x, self.deep(x0)], dim=1)
