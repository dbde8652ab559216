"""ID model and language model together: one logit of each, blended by a learned share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, ModelOutput, Prompts, Reads
from clickprompt.ctr import CTRModel
from clickprompt.language import PoolingName, Tuning, pool, wanted
from clickprompt.methods.method import MethodConfig
from clickprompt.methods.parts import Parts
from clickprompt.methods.prompts import PromptGenerator
from clickprompt.methods.words import SentenceMethod, language_head, words_of

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class BlendedConfig(MethodConfig):
    """Settings of methods that blend both logits."""

    reads: ClassVar[Reads] = "sentence"

    alpha: float = Setting(default=0.5, ge=0, le=1)
    """Share of the ID model's logit at the start; learned from there."""


class Blended(SentenceMethod):
    """logit = α·ctr_head(q) + (1 − α)·lm_head(pool(h)), h the LM's states of the sentence, under prompts if any.

    A subclass has a config that is a `BlendedConfig`, and may hand over what writes prompts.
    Source: arXiv 2310.09234, section 3.5; arXiv 2310.19453, section 3.4.
    """

    ctr: CTRModel

    def __init__(
        self,
        config: BlendedConfig,
        ctr: CTRModel,
        encoder: PromptedEncoder,
        pooling: PoolingName,
        tuning: Tuning | None = None,
        prompts: PromptGenerator | None = None,
    ) -> None:
        super().__init__(ctr, encoder, pooling, tuning)
        self.prompts = prompts
        self.language_head = language_head(encoder.hidden_size)
        self.alpha = nn.Parameter(torch.tensor(config.alpha))

    @classmethod
    def from_parts(cls, config: BlendedConfig, parts: Parts) -> Self:
        return cls(config, parts.ctr(), parts.encoder(), parts.language.pooling, parts.language.tuning)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        tokens = words_of(batch)
        q = self.ctr.representation(batch.feature_ids, batch.lists)
        chosen = wanted(tokens, self.pooling)
        states = self.language(tokens, self.write_prompts(q), keep=self.pooling, chosen=chosen)
        language_logit = self.language_head(pool(states, tokens, self.pooling)).squeeze(-1)
        return ModelOutput(self.alpha * self.ctr.head(q) + (1 - self.alpha) * language_logit)

    def write_prompts(self, q: Tensor) -> Prompts | None:
        """Prompts of each row; None where the method has none."""
        return None if self.prompts is None else self.prompts(q)
