"""A control for ClickPrompt: the ID model pretrained by masked-field prediction, without any words."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, FieldStatistics, Hidden, ModelOutput
from clickprompt.ctr import CTRModel
from clickprompt.methods.method import Method, MethodConfig, Pretrainable, in_full
from clickprompt.methods.negatives import Negatives
from clickprompt.methods.parts import Parts


class MaskedFieldConfig(MethodConfig):
    """The ID model pretrained to recover masked fields, without any words: a control for ClickPrompt."""

    hides: ClassVar[tuple[Hidden, ...]] = ("fields",)

    kind: Literal["masked-field"] = "masked-field"
    negatives: PositiveInt = 25
    """Other values of the field, drawn by training frequency, that each masked value is told from."""


class MaskedField(Method, Pretrainable):
    """Masked fields are told from sampled values of the same field: sampled softmax over s_v = ⟨h_f(q), e_v⟩ − log p_v.

    q is computed with the masked fields' embeddings replaced by one learned vector; h_f is linear; e_v is the value's
    row in the ID model's own table; p_v its training frequency within the field, which corrects for the sampling
    (Bengio & Senécal 2008). Afterwards it is the plain ID model.
    """

    def __init__(self, config: MaskedFieldConfig, ctr: CTRModel, statistics: FieldStatistics) -> None:
        super().__init__()
        self.config = config
        self.ctr: CTRModel = ctr
        self.mask_vector = nn.Parameter(torch.zeros(ctr.config.embedding_width))
        self.recover = nn.Linear(ctr.representation_dim, ctr.num_fields * ctr.config.embedding_width)
        self.values = Negatives(statistics)

    @classmethod
    def from_parts(cls, config: MaskedFieldConfig, parts: Parts) -> Self:
        return cls(config, parts.ctr(), parts.statistics)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        return ModelOutput(self.ctr(batch.feature_ids, batch.lists))

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return float(_masked(batch).sum())

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """Cross entropy of the masked values against sampled ones, summed."""
        ids = batch.feature_ids
        masked = _masked(batch)
        embeddings = torch.where(masked.unsqueeze(-1), self.mask_vector, self.ctr.embed(ids, batch.lists))
        recovered = self.recover(self.ctr.interact(embeddings)).unflatten(1, (self.ctr.num_fields, -1))
        rows, fields = masked.nonzero(as_tuple=True)
        candidates = torch.cat(
            [ids[rows, fields].unsqueeze(1), self.values.within(fields, self.config.negatives)], dim=1
        )
        scores = (self.ctr.embedding(candidates) @ recovered[rows, fields].unsqueeze(-1)).squeeze(-1)
        scores = scores - self.values.log_frequency[candidates]
        repeated = candidates == candidates[:, :1]
        repeated[:, 0] = False
        scores = scores.masked_fill(repeated, float("-inf"))
        target = torch.zeros(len(rows), dtype=torch.long, device=ids.device)
        return F.cross_entropy(in_full(scores), target, reduction="sum")


def _masked(batch: ClickBatch) -> Tensor:
    if batch.masked_fields is None:
        raise ValueError("masked-field prediction needs a batch with masked fields")
    return batch.masked_fields
