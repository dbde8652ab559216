"""The plain ID model: the base line, and what ClickPrompt without the LM is served as."""

from __future__ import annotations

from typing import Literal

from clickprompt.contracts import ClickBatch, ModelOutput
from clickprompt.ctr import CTRModel
from clickprompt.methods.method import Method
from clickprompt.settings import Settings


class IDOnlyConfig(Settings):
    """The ID model alone, without any words."""

    kind: Literal["id-only"] = "id-only"


class IDOnly(Method):
    """p = σ(ctr_head(q)). Shapes: feature_ids (batch, fields) → logits (batch,)."""

    def __init__(self, ctr: CTRModel) -> None:
        super().__init__()
        self.ctr = ctr

    def forward(self, batch: ClickBatch) -> ModelOutput:
        return ModelOutput(self.ctr(batch.feature_ids, batch.lists))
