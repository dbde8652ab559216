"""GDCN: a cross network whose every layer is gated, beside a deep tower (Wang et al., CIKM'23)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class GDCNConfig(CTRModelConfig):
    """GDCN: a gated cross network beside a deep tower, as large as DCNv2 (a gated layer holds two of its matrices)."""

    published = published_sizes(
        cross_layers=[3, 3, 2, 3], hidden_sizes=[(256,) * 6, (256,) * 6, (256,) * 3, (512,) * 6]
    )

    kind: Literal["gdcn"] = "gdcn"
    cross_layers: PositiveInt = 3
    """Layer l holds interactions of up to l + 1 fields."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 6, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""


class GatedCross(nn.Module):
    """x_0 ⊙ (W_c x + b) ⊙ σ(W_g x) + x: a cross layer that lets each interaction pass only as far as its gate opens.

    Shapes: x_0 and x (batch, width) → (batch, width). Source: arXiv 2311.04635, gated cross network.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cross = nn.Linear(width, width)
        self.gate = nn.Linear(width, width, bias=False)

    def forward(self, x0: Tensor, x: Tensor) -> Tensor:
        return torch.addcmul(x, x0 * self.cross(x), torch.sigmoid(self.gate(x)))


class GDCN(CTRModel):
    """x_{l+1} = x_0 ⊙ (W_c x_l + b) ⊙ σ(W_g x_l) + x_l;  q = x_L ⊕ MLP(x_0), x_0 the concatenated embeddings.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, fields·embedding_dim + hidden_sizes[-1]).
    Source: arXiv 2311.04635, parallel structure (GDCN-P).
    """

    def __init__(self, config: GDCNConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        width = num_fields * config.embedding_dim
        self.cross = nn.ModuleList(GatedCross(width) for _ in range(config.cross_layers))
        self.deep = tower(width, config.hidden_sizes, config.dropout)
        self.build_head(width + config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        x0 = x = embeddings.flatten(1)
        for layer in self.cross:
            x = layer(x0, x)
        return torch.cat([x, self.deep(x0)], dim=1)
