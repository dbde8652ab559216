"""PTab: a language model that reads the whole row as a sentence, without any ID model (Liu et al., 2022)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, Hidden, ModelOutput, Reads
from clickprompt.language import FullTuning, PoolingName, Tuning, pool, untrained, wanted
from clickprompt.methods.method import Method, MethodConfig, Pretrainable
from clickprompt.methods.parts import Parts
from clickprompt.methods.words import language_head, masked_word_amount, masked_word_loss, words_of

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead, PromptedEncoder


class PTabConfig(MethodConfig):
    """PTab: a language model reads the row as a sentence, alone; pretrained by masked language modelling."""

    reads: ClassVar[Reads] = "sentence"
    hides: ClassVar[tuple[Hidden, ...]] = ("words",)

    kind: Literal["ptab"] = "ptab"

    def teaches(self, ids_alone: bool) -> bool:
        return not ids_alone


class PTab(Method, Pretrainable):
    """logit = head(pool(h)), h the LM's states of the row's sentence, head: Linear(d, d) → tanh → Linear(d, 1).

    Pretrained by plain masked language modelling on the sentences of the table; then all of it is tuned on clicks.
    Shapes: sentences of (batch,) rows → states (tokens, d) → pooled (batch, d) → logits (batch,).
    Source: arXiv 2209.08060, section 3: modality transformation, masked-language finetuning, classification finetuning.
    """

    ctr: None

    def __init__(self, encoder: PromptedEncoder, pooling: PoolingName, tuning: Tuning | None = None) -> None:
        super().__init__()
        self.ctr = None
        self.language = encoder
        self.pooling: PoolingName = pooling
        self.tuning: Tuning = tuning or FullTuning()
        self.language_head = language_head(encoder.hidden_size)
        self.masked_token_head: MaskedTokenHead | None = None

    @classmethod
    def from_parts(cls, config: PTabConfig, parts: Parts) -> Self:
        return cls(parts.encoder(), parts.language.pooling, parts.language.tuning)

    def add_pretraining_heads(self, parts: Parts) -> None:
        self.masked_token_head = parts.masked_token_head()

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        return (self.language,)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        tokens = words_of(batch)
        states = self.language(tokens, keep=self.pooling, chosen=wanted(tokens, self.pooling))
        return ModelOutput(self.language_head(pool(states, tokens, self.pooling)).squeeze(-1))

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """Cross entropy of the hidden word pieces, summed."""
        return masked_word_loss(self.language, self.masked_token_head, batch)

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return masked_word_amount(batch)

    def language_parameters(self) -> Iterable[nn.Parameter]:
        yield from self.language.parameters()
        if self.masked_token_head is not None and not self.masked_token_head.is_new:
            yield from self.masked_token_head.parameters()

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        return untrained(self.tuning, self.language, self.language_parameters())
