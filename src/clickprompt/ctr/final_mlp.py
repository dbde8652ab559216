"""FinalMLP: two perceptrons, each behind its own gate on the features, fused bilinearly (Mao et al., AAAI'23)."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field as Setting
from pydantic import NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from clickprompt.ctr.model import CTRModel, CTRModelConfig, tower
from clickprompt.settings import ClickPromptError


class FinalMLPConfig(CTRModelConfig):
    """FinalMLP: two gated perceptrons fused bilinearly; one deep and one shallow, so that the streams differ."""

    kind: Literal["final-mlp"] = "final-mlp"
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 3, min_length=1)
    """Widths of the first stream."""
    second_hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,), min_length=1)
    """Widths of the second stream."""
    context: tuple[NonNegativeInt, ...] = ()
    """Places (from 0) of the fields that the first stream's gate reads; none: a learned vector in their stead."""
    second_context: tuple[NonNegativeInt, ...] = ()
    """The same for the second stream's gate; user fields for one and item fields for the other, say."""
    gate_hidden_sizes: tuple[PositiveInt, ...] = (64,)
    """Hidden widths of the gates."""
    fusion_heads: PositiveInt = 8
    """Pieces that each stream's output is cut into for the fusion; must divide the last width of both."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of the streams' units dropped in training."""

    @model_validator(mode="after")
    def _heads_divide_the_streams(self) -> Self:
        for name, sizes in (("hidden_sizes", self.hidden_sizes), ("second_hidden_sizes", self.second_hidden_sizes)):
            if sizes[-1] % self.fusion_heads:
                raise ValueError(f"last of {name}, {sizes[-1]}, is not a multiple of fusion_heads {self.fusion_heads}")
        return self


class FeatureGate(nn.Module):
    """e ⊙ 2σ(MLP(c)), c the context fields' embeddings, or a learned vector where there are none.

    Shapes: embeddings (batch, fields, dim) → (batch, fields·dim).
    Source: arXiv 2304.00902, stream-specific feature selection.
    """

    def __init__(self, context: tuple[int, ...], num_fields: int, config: FinalMLPConfig) -> None:
        super().__init__()
        beyond = [place for place in context if place >= num_fields]
        if beyond:
            raise ClickPromptError(
                f"final-mlp: a gate's context names field {beyond[0]} and the last of the table is "
                f"{num_fields - 1}; count fields from 0"
            )
        dim, hidden_sizes = config.embedding_dim, config.gate_hidden_sizes
        self.context = list(context)
        self.vector = None if context else nn.Parameter(torch.empty(1, dim).normal_(std=config.embedding_std))
        widths = (dim * max(1, len(context)), *hidden_sizes)
        self.hidden = tower(widths[0], hidden_sizes, dropout=0.0)
        self.gate = nn.Linear(widths[-1], num_fields * dim)

    def forward(self, embeddings: Tensor) -> Tensor:
        context = embeddings[:, self.context].flatten(1) if self.vector is None else self.vector
        return embeddings.flatten(1) * (2 * torch.sigmoid(self.gate(self.hidden(context))))


class BilinearFusion(nn.Module):
    """logit = b + w·(o_1 ⊕ o_2) + Σ_k o_1kᵀ W_k o_2k, o_1k the k-th piece of a stream's output.

    Shapes: q = o_1 ⊕ o_2 (batch, widths) → (batch, 1). Source: arXiv 2304.00902, eq. 6 to 8.
    """

    def __init__(self, widths: tuple[int, int], heads: int) -> None:
        super().__init__()
        first, second = widths[0] // heads, widths[1] // heads
        self.widths = list(widths)
        self.linear = nn.Linear(sum(widths), 1)
        self.bilinear = nn.Parameter(torch.empty(heads, first, second).normal_(std=(2 / (first + second)) ** 0.5))

    def forward(self, q: Tensor) -> Tensor:
        first, second = (o.unflatten(1, (len(self.bilinear), -1)) for o in q.split(self.widths, dim=1))
        mapped = torch.bmm(first.transpose(0, 1), self.bilinear).transpose(0, 1)
        return self.linear(q) + (mapped * second).sum(dim=(1, 2)).unsqueeze(1)


class FinalMLP(CTRModel):
    """q = MLP_1(gate_1(e)) ⊕ MLP_2(gate_2(e)), read by a bilinear fusion of the two.

    Shapes: embeddings (batch, fields, embedding_dim) → q (batch, hidden_sizes[-1] + second_hidden_sizes[-1]).
    Source: arXiv 2304.00902, figure 1.
    """

    def __init__(self, config: FinalMLPConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        width = num_fields * config.embedding_dim
        self.gate = FeatureGate(config.context, num_fields, config)
        self.second_gate = FeatureGate(config.second_context, num_fields, config)
        self.deep = tower(width, config.hidden_sizes, config.dropout)
        self.second_deep = tower(width, config.second_hidden_sizes, config.dropout)
        widths = config.hidden_sizes[-1], config.second_hidden_sizes[-1]
        self.output = BilinearFusion(widths, config.fusion_heads)
        self.representation_dim = sum(widths)

    def interact(self, embeddings: Tensor) -> Tensor:
        first = self.deep(self.gate(embeddings))
        second = self.second_deep(self.second_gate(embeddings))
        return torch.cat([first, second], dim=1)
