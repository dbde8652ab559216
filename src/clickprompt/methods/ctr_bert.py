"""CTR-BERT: users and items as sentences, through an encoder each (Muhamed et al., NeurIPS-W'21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, ModelOutput, Reads, TokenBatch
from clickprompt.ctr.model import tower
from clickprompt.language import FullTuning, PoolingName, Tuning, pool, untrained, wanted
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.parts import Parts
from clickprompt.methods.two_tower import TwoTower

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class CTRBertConfig(MethodConfig):
    """CTR-BERT: the user's and the item's sentence through an encoder each, then a perceptron; no ID model.

    A sentence's vector is the state of its first token ([CLS]), whatever `language_model.pooling` says.
    """

    reads: ClassVar[Reads] = "sides"
    has_ctr_model: ClassVar[bool] = False

    kind: Literal["ctr-bert"] = "ctr-bert"
    shared_encoder: bool = False
    """One encoder for both sides: half the weights to train, keep and serve."""
    hidden_sizes: tuple[PositiveInt, ...] = Setting(default=(256,), min_length=1)
    """Widths of the perceptron over both vectors."""


class CTRBert(Method, TwoTower):
    """logit = w·MLP(u ⊕ v) + b, u and v the [CLS] states of the user's and of the item's sentence.

    Fields of side `user` and `context`, known before items are ranked, make the user's sentence. Both encoders start
    from the same checkpoint; u and v meet in the perceptron alone, so a distinct sentence is read once.
    Shapes: sentences (users,), (items,) → u, v (batch, d) → logits (batch,).
    Source: Muhamed et al., CTR-BERT, NeurIPS-W'21: two towers with late fusion; without its distillation.
    """

    ctr: None
    pooling: PoolingName = "cls"

    def __init__(
        self, config: CTRBertConfig, encoders: Iterable[PromptedEncoder], tuning: Tuning | None = None
    ) -> None:
        super().__init__()
        self.ctr = None
        self.towers = nn.ModuleList(encoders)
        self.tuning: Tuning = tuning or FullTuning()
        width = 2 * self.encoders()[0].hidden_size
        self.join_head = nn.Sequential(tower(width, config.hidden_sizes, 0.0), nn.Linear(config.hidden_sizes[-1], 1))

    @classmethod
    def from_parts(cls, config: CTRBertConfig, parts: Parts) -> Self:
        encoders = [parts.encoder() for _ in range(1 if config.shared_encoder else 2)]
        return cls(config, encoders, parts.language.tuning)

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        return tuple(self.towers)  # type: ignore[arg-type]

    def encode(self, side: int, tokens: TokenBatch) -> Tensor:
        encoder = self.encoders()[min(side, len(self.towers) - 1)]
        return pool(encoder(tokens, keep="cls", chosen=wanted(tokens, "cls")), tokens, "cls")

    def join(self, users: Tensor, items: Tensor) -> Tensor:
        return self.join_head(torch.cat([users, items], dim=1)).squeeze(-1)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        if not batch.sides:
            raise ValueError("CTR-BERT reads users and items apart; this batch was made without sides")
        users, items = (self.encode(n, side.tokens).index_select(0, side.of_row) for n, side in enumerate(batch.sides))
        return ModelOutput(self.join(users, items))

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        for encoder in self.encoders():
            yield from untrained(self.tuning, encoder, encoder.parameters())
