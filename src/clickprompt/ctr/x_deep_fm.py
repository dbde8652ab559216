"""xDeepFM: a compressed interaction network (CIN) beside a deep tower (Lian et al., KDD'18)."""

from __future__ import annotations

from typing import Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from clickprompt.ctr.first_order import FirstOrderConfig, split_first_order
from clickprompt.ctr.model import CTRModel, published_sizes, tower


class XDeepFMConfig(FirstOrderConfig):
    """xDeepFM: a compressed interaction network beside a deep tower."""

    published = published_sizes(
        cin_layers=(25,) * 3, hidden_sizes=[(256,) * 3, (256,) * 6, (256,) * 3, (256,) * 6], first_order=False
    )

    kind: Literal["x-deep-fm"] = "x-deep-fm"
    cin_layers: tuple[PositiveInt, ...] = Setting(default=(25,) * 3, min_length=1)
    """Feature maps of each layer; layer k holds interactions of k + 1 fields."""
    split_half: bool = False
    """Give one half of a layer's maps to the next layer and the other to q, the last layer's all to q."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,) * 3, min_length=1)
    """Widths of the deep tower."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of tower units dropped in training."""

    @model_validator(mode="after")
    def _maps_can_be_halved(self) -> Self:
        odd = [maps for maps in self.cin_layers[:-1] if maps % 2]
        if self.split_half and odd:
            raise ValueError(f"split_half needs an even number of maps in all cin_layers but the last, not {odd[0]}")
        return self


class CompressedInteraction(nn.Module):
    """X^k_h = Σ_ij W^k_hij X^{k−1}_i ⊙ X^0_j;  p^k_h = Σ_d X^k_hd;  output p^1 ⊕ … ⊕ p^K. Maps pass on as they are.

    p^k needs no map: Σ_d X^{k−1}_id X^0_jd is a Gram matrix G, and p^k_h = Σ_ij W^k_hij G_ij. So the last layer makes
    none, and with `split_half` the others make half of theirs, the half that the next layer reads. Maps are kept as
    (maps, batch·embedding_dim), which makes a layer one large matrix product.

    Shapes: (batch, fields, embedding_dim) → (batch, output_dim). Source: arXiv 1803.05170, eq. 6 to 8.
    """

    def __init__(self, num_fields: int, cin_layers: tuple[int, ...], split_half: bool) -> None:
        super().__init__()
        self.split_half = split_half
        self.passed_on = [maps // 2 if split_half else maps for maps in cin_layers[:-1]] + [0]
        widths = [num_fields, *self.passed_on[:-1]]
        self.weights = nn.ParameterList(
            nn.Linear(width * num_fields, maps).weight for width, maps in zip(widths, cin_layers, strict=True)
        )
        self.output_dim = sum(cin_layers) - (sum(self.passed_on) if split_half else 0)

    def forward(self, fields: Tensor) -> Tensor:
        batch, _, width = fields.shape
        maps = first = fields.transpose(0, 1).flatten(1)
        pooled = []
        for weight, passed_on in zip(self.weights, self.passed_on, strict=True):
            gram = maps.unflatten(1, (batch, width)).transpose(0, 1) @ fields.mT
            pooled.append(F.linear(gram.flatten(1), weight[passed_on:] if self.split_half else weight))
            if passed_on:
                maps = weight[:passed_on] @ (maps.unsqueeze(1) * first).flatten(0, 1)
        return torch.cat(pooled, dim=1)


class XDeepFM(CTRModel):
    """q = CIN(e) ⊕ MLP(x_0) (⊕ Σ_f w_f with `first_order`);  logit = linear over CIN(e) ⊕ MLP(x_0) (+ Σ_f w_f).

    Shapes: table rows (batch, fields, embedding_width) → q (batch, sum(cin_layers) + hidden_sizes[-1], one more with
    `first_order`; `split_half` takes half of each layer's maps but the last's). Source: arXiv 1803.05170, eq. 9.
    """

    def __init__(self, config: XDeepFMConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        self.cin = CompressedInteraction(num_fields, config.cin_layers, config.split_half)
        self.deep = tower(num_fields * config.embedding_dim, config.hidden_sizes, config.dropout)
        self.learned_width = self.cin.output_dim + config.hidden_sizes[-1]
        self.output = nn.Linear(self.learned_width, 1)
        self.representation_dim = self.learned_width + config.first_order

    def interact(self, embeddings: Tensor) -> Tensor:
        vectors, linear = split_first_order(embeddings, self.config.embedding_dim)
        return torch.cat([self.cin(vectors), self.deep(vectors.flatten(1)), linear], dim=1)

    def head(self, q: Tensor) -> Tensor:
        return self.output(q[:, : self.learned_width]).squeeze(-1) + q[:, self.learned_width :].sum(dim=1)
