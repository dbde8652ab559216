"""FM: factorization machine, the inner products of all pairs of fields (Rendle, ICDM'10)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from clickprompt.ctr.first_order import FirstOrderConfig, split_first_order
from clickprompt.ctr.model import CTRModel, published_sizes


class FMConfig(FirstOrderConfig):
    """FM: the inner products of all pairs of fields."""

    published = published_sizes(first_order=[False, False, False, True])

    kind: Literal["fm"] = "fm"


def pair_products(embeddings: Tensor) -> Tensor:
    """FM's vector Σ_{f<g} e_f ⊙ e_g = ½((Σ_f e_f)² − Σ_f e_f²), in time linear in the fields.

    Shapes: (batch, fields, embedding_dim) → (batch, embedding_dim). Source: Rendle, ICDM'10, lemma 3.1.
    """
    return 0.5 * (embeddings.sum(dim=1).square() - embeddings.square().sum(dim=1))


class FM(CTRModel):
    """q = Σ_f e_f ⊕ v (⊕ Σ_f w_f with `first_order`);  logit = b + Σ_k v_k (+ Σ_f w_f), v = ½((Σe)² − Σe²).

    Shapes: table rows (batch, fields, embedding_dim or, with `first_order`, embedding_dim + 1) → q (batch,
    2·embedding_dim or, with `first_order`, 2·embedding_dim + 1). The head reads all of q but Σ_f e_f, which is there
    for prompts. Source: Rendle, ICDM'10, eq. 1.
    """

    def __init__(self, config: FMConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__(config, num_fields, num_embeddings)
        self.representation_dim = config.embedding_dim + config.embedding_width
        self.bias = nn.Parameter(torch.zeros(()))

    def interact(self, embeddings: Tensor) -> Tensor:
        vectors, linear = split_first_order(embeddings, self.config.embedding_dim)
        return torch.cat([vectors.sum(dim=1), pair_products(vectors), linear], dim=1)

    def head(self, q: Tensor) -> Tensor:
        return self.bias + q[:, self.config.embedding_dim :].sum(dim=1)
