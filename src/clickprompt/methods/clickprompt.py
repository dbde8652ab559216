"""ClickPrompt: an ID model writes soft prompts into a language model (Lin et al., WWW'24)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, Hidden, ModelOutput, Reads, TokenBatch
from clickprompt.ctr import CTRModel
from clickprompt.language import FullTuning, PoolingName, Tuning, pool, untrained, wanted
from clickprompt.methods.method import Method, MethodConfig, Pretrainable, in_full
from clickprompt.methods.parts import Parts
from clickprompt.methods.prompts import PromptConfig, PromptGenerator

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead, PromptedEncoder


class ClickPromptConfig(MethodConfig):
    """ClickPrompt: the ID model writes soft prompts into every layer of a language model."""

    reads: ClassVar[Reads] = "sentence"
    hides: ClassVar[tuple[Hidden, ...]] = ("words",)

    kind: Literal["clickprompt"] = "clickprompt"
    prompt: PromptConfig = PromptConfig()
    """How the ID model's q becomes prompts."""
    alpha: float = Setting(default=0.5, ge=0, le=1)
    """Share of the ID model's logit at the start; learned from there."""


class ClickPrompt(Method, Pretrainable):
    """logit = α·ctr_head(q) + (1 − α)·lm_head(pool(h)), h the LM's states of the sentence under prompts g(q).

    Pretrained by PA-MLM: the LM, seeing words and prompts, recovers masked word pieces, and through the prompts teaches
    the ID model what the words mean. Source: arXiv 2310.09234, sections 3.2 to 3.5.
    """

    def __init__(
        self,
        config: ClickPromptConfig,
        ctr: CTRModel,
        encoder: PromptedEncoder,
        pooling: PoolingName,
        tuning: Tuning | None = None,
    ) -> None:
        super().__init__()
        self.ctr: CTRModel = ctr
        self.language = encoder
        self.pooling: PoolingName = pooling
        self.tuning: Tuning = tuning or FullTuning()
        self.prompts = PromptGenerator(config.prompt, ctr.representation_dim, encoder.num_layers, encoder.hidden_size)
        width = encoder.hidden_size
        self.language_head = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.alpha = nn.Parameter(torch.tensor(config.alpha))
        self.masked_token_head: MaskedTokenHead | None = None

    @classmethod
    def from_parts(cls, config: ClickPromptConfig, parts: Parts) -> Self:
        return cls(config, parts.ctr(), parts.encoder(), parts.language.pooling, parts.language.tuning)

    def add_pretraining_heads(self, parts: Parts) -> None:
        self.masked_token_head = parts.masked_token_head()

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        return (self.language,)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        tokens = _tokens(batch)
        q = self.ctr.representation(batch.feature_ids, batch.lists)
        states = self.language(tokens, self.prompts(q), keep=self.pooling, chosen=wanted(tokens, self.pooling))
        language_logit = self.language_head(pool(states, tokens, self.pooling)).squeeze(-1)
        return ModelOutput(self.alpha * self.ctr.head(q) + (1 - self.alpha) * language_logit)

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """PA-MLM: cross entropy of the chosen word pieces, summed. Section 3.4."""
        if self.masked_token_head is None or batch.masked is None:
            raise ValueError("PA-MLM needs a masked-token head and a batch with masked words")
        prompts = self.prompts(self.ctr.representation(batch.feature_ids, batch.lists))
        states = self.language(_tokens(batch), prompts, chosen=batch.masked)
        logits = self.masked_token_head(states.last)
        return F.cross_entropy(in_full(logits), batch.masked.targets, reduction="sum")

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return 0.0 if batch.masked is None else float(len(batch.masked.positions))

    def language_parameters(self) -> Iterable[nn.Parameter]:
        yield from self.language.parameters()
        if self.masked_token_head is not None and not self.masked_token_head.is_new:
            yield from self.masked_token_head.parameters()

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        return untrained(self.tuning, self.language, self.language_parameters())


def _tokens(batch: ClickBatch) -> TokenBatch:
    if batch.tokens is None:
        raise ValueError("ClickPrompt reads words; this batch was made without tokens")
    return batch.tokens
