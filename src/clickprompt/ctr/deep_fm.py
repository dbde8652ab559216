"""DeepFM: a factorization machine beside a deep tower, both over one embedding (Guo et al., IJCAI'17)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.ctr.first_order import FirstOrderConfig, split_first_order
from clickprompt.ctr.fm import pair_products
from clickprompt.ctr.model import CTRModel, published_sizes, tower


class DeepFMConfig(FirstOrderConfig):
    """DeepFM: a factorization machine beside a deep tower."""

    published = published_sizes(
        hidden_sizes=[(256,) * 6, (256,) * 4, (256,) * 6, (256,) * 6], first_order=[True, False, False, False]
    )

    kind: Literal["deep-fm"] = "deep-fm"
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 6, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""
    first_order: bool = True
    """Add Σ_f w_f to the logit, as the paper does."""


class DeepFM(CTRModel):
    """q = h ⊕ v (⊕ Σ_f w_f with `first_order`);  logit = w·h + b + Σ_k v_k (+ Σ_f w_f).

    h = MLP(x_0), x_0 the concatenated embeddings; v = ½((Σ_f e_f)² − Σ_f e_f²).

    Shapes: table rows (batch, fields, embedding_width) → q (batch, hidden_sizes[-1] + embedding_width).
    Source: arXiv 1703.04247, eq. 1 to 4.
    """

    def __init__(self, config: DeepFMConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        self.deep = tower(num_fields * config.embedding_dim, config.hidden_sizes, config.dropout)
        self.deep_width = config.hidden_sizes[-1]
        self.output = nn.Linear(self.deep_width, 1)
        self.representation_dim = self.deep_width + config.embedding_width

    def interact(self, embeddings: Tensor) -> Tensor:
        vectors, linear = split_first_order(embeddings, self.config.embedding_dim)
        return torch.cat([self.deep(vectors.flatten(1)), pair_products(vectors), linear], dim=1)

    def head(self, q: Tensor) -> Tensor:
        return self.output(q[:, : self.deep_width]).squeeze(-1) + q[:, self.deep_width :].sum(dim=1)
