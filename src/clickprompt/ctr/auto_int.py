"""AutoInt: self-attention over fields beside a deep tower (Song et al., CIKM'19)."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class AutoIntConfig(CTRModelConfig):
    """AutoInt: self-attention over fields beside a deep tower."""

    published = published_sizes(
        attention_layers=6, heads=1, attention_dim=32, scaled=False, residual=True, hidden_sizes=(256,) * 6
    )

    kind: Literal["auto-int"] = "auto-int"
    attention_layers: PositiveInt = 6
    """Interacting layers, one on another."""
    heads: PositiveInt = 1
    """Attention heads of a layer."""
    attention_dim: PositiveInt = 32
    """Width of all heads together; a multiple of `heads`."""
    scaled: bool = False
    """Divide attention scores by √(head width); the paper does not."""
    residual: bool = True
    """Add a linear map of the layer's input before the ReLU."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 6, min_length=1)
    """Widths of the parallel deep tower (AutoInt+)."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.attention_dim % self.heads:
            raise ValueError(f"attention_dim {self.attention_dim} is not a multiple of heads {self.heads}")
        return self


class InteractingLayer(nn.Module):
    """ReLU(Σ_heads softmax(Q Kᵀ) V + W_res e): every field reads every other.

    Shapes: (batch, fields, input_dim) → (batch, fields, attention_dim). Source: arXiv 1810.11921, eq. 5 to 8.
    """

    def __init__(self, input_dim: int, config: AutoIntConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.scale = (config.attention_dim // config.heads) ** -0.5 if config.scaled else 1.0
        self.query_key_value = nn.Linear(input_dim, 3 * config.attention_dim, bias=False)
        self.residual = nn.Linear(input_dim, config.attention_dim, bias=False) if config.residual else None

    def forward(self, fields: Tensor) -> Tensor:
        projected = self.query_key_value(fields).unflatten(-1, (3, self.heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query @ key.transpose(-1, -2) * self.scale, dim=-1)
        attended = (weights @ value).transpose(1, 2).flatten(2)
        if self.residual is not None:
            attended = attended + self.residual(fields)
        return torch.relu(attended)


class AutoInt(CTRModel):
    """q = flatten(layer_L(… layer_1(e))) ⊕ MLP(x_0), x_0 the concatenated embeddings.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, fields·attention_dim + hidden_sizes[-1]).
    Source: arXiv 1810.11921, section 4, joined with a feed-forward tower (AutoInt+).
    """

    def __init__(self, config: AutoIntConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        widths = [config.embedding_dim] + [config.attention_dim] * (config.attention_layers - 1)
        self.attention = nn.Sequential(*(InteractingLayer(width, config) for width in widths))
        self.deep = tower(num_fields * config.embedding_dim, config.hidden_sizes, config.dropout)
        self.build_head(num_fields * config.attention_dim + config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        attended = self.attention(embeddings)
        return torch.cat([attended.flatten(1), self.deep(embeddings.flatten(1))], dim=1)
