"""ID model and language model together: one logit of each, blended by a learned share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Self

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, ModelOutput, Prompts, Reads
from clickprompt.ctr import CTRModel
from clickprompt.language import FullTuning, PoolingName, Tuning, pool, untrained, wanted
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.parts import Parts
from clickprompt.methods.prompts import PromptGenerator
from clickprompt.methods.words import language_head, words_of

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead, PromptedEncoder


class BlendedConfig(MethodConfig):
    """Settings of methods that blend both logits."""

    reads: ClassVar[Reads] = "sentence"

    alpha: float = Setting(default=0.5, ge=0, le=1)
    """Share of the ID model's logit at the start; learned from there."""


class Blended(Method):
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
        super().__init__()
        self.ctr = ctr
        self.language = encoder
        self.pooling: PoolingName = pooling
        self.tuning: Tuning = tuning or FullTuning()
        self.prompts = prompts
        self.language_head = language_head(encoder.hidden_size)
        self.alpha = nn.Parameter(torch.tensor(config.alpha))
        self.masked_token_head: MaskedTokenHead | None = None

    @classmethod
    def from_parts(cls, config: BlendedConfig, parts: Parts) -> Self:
        return cls(config, parts.ctr(), parts.encoder(), parts.language.pooling, parts.language.tuning)

    def add_pretraining_heads(self, parts: Parts) -> None:
        self.masked_token_head = parts.masked_token_head()

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        return (self.language,)

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

    def language_parameters(self) -> Iterable[nn.Parameter]:
        yield from self.language.parameters()
        if self.masked_token_head is not None and not self.masked_token_head.is_new:
            yield from self.masked_token_head.parameters()

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        return untrained(self.tuning, self.language, self.language_parameters())
