"""DNN: the plain multilayer perceptron over concatenated embeddings (the deep half of Cheng et al., DLRS'16)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor

from clickprompt.ctr.model import CTRModel, CTRModelConfig, published_sizes, tower


class DNNConfig(CTRModelConfig):
    """DNN: a multilayer perceptron over concatenated embeddings."""

    published = published_sizes(hidden_sizes=(256,) * 6)

    kind: Literal["dnn"] = "dnn"
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 6, min_length=1)
    """Widths of the tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""


class DNN(CTRModel):
    """q = MLP(x_0), x_0 the concatenated embeddings.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, hidden_sizes[-1]).
    """

    def __init__(self, config: DNNConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        self.deep = tower(num_fields * config.embedding_dim, config.hidden_sizes, config.dropout)
        self.build_head(config.hidden_sizes[-1])

    def interact(self, embeddings: Tensor) -> Tensor:
        return self.deep(embeddings.flatten(1))
