"""The plain ID model: the base line, and what ClickPrompt without the LM is served as."""

from __future__ import annotations

from typing import Literal, Self

from clickprompt.contracts import ClickBatch, ModelOutput
from clickprompt.ctr import CTRModel
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.parts import Parts


class IDOnlyConfig(MethodConfig):
    """The ID model alone, without any words."""

    kind: Literal["id-only"] = "id-only"


class IDOnly(Method):
    """p = σ(ctr_head(q)). Shapes: feature_ids (batch, fields) → logits (batch,)."""

    def __init__(self, ctr: CTRModel) -> None:
        super().__init__()
        self.ctr: CTRModel = ctr

    @classmethod
    def from_parts(cls, config: IDOnlyConfig, parts: Parts) -> Self:
        return cls(parts.ctr())

    def forward(self, batch: ClickBatch) -> ModelOutput:
        return ModelOutput(self.ctr(batch.feature_ids, batch.lists))
