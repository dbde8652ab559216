"""PTab: a language model that reads the whole row as a sentence, without any ID model (Liu et al., 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from torch import Tensor

from clickprompt.contracts import ClickBatch, Hidden, ModelOutput, Reads
from clickprompt.language import PoolingName, Tuning, pool, wanted
from clickprompt.methods.method import MethodConfig, Pretrainable
from clickprompt.methods.parts import Parts
from clickprompt.methods.words import SentenceMethod, language_head, masked_word_amount, masked_word_loss, words_of

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class PTabConfig(MethodConfig):
    """PTab: a language model reads the row as a sentence, alone; pretrained by masked language modelling."""

    reads: ClassVar[Reads] = "sentence"
    hides: ClassVar[tuple[Hidden, ...]] = ("words",)
    has_ctr_model: ClassVar[bool] = False

    kind: Literal["ptab"] = "ptab"

    def teaches(self, ids_alone: bool) -> bool:
        return not ids_alone


class PTab(SentenceMethod, Pretrainable):
    """logit = head(pool(h)), h the LM's states of the row's sentence, head: Linear(d, d) → tanh → Linear(d, 1).

    Pretrained by plain masked language modelling on the sentences of the table; then all of it is tuned on clicks.
    Shapes: sentences of (batch,) rows → states (tokens, d) → pooled (batch, d) → logits (batch,).
    Source: arXiv 2209.08060, section 3: modality transformation, masked-language finetuning, classification finetuning.
    """

    ctr: None

    def __init__(self, encoder: PromptedEncoder, pooling: PoolingName, tuning: Tuning | None = None) -> None:
        super().__init__(None, encoder, pooling, tuning)
        self.language_head = language_head(encoder.hidden_size)

    @classmethod
    def from_parts(cls, config: PTabConfig, parts: Parts) -> Self:
        return cls(parts.encoder(), parts.language.pooling, parts.language.tuning)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        tokens = words_of(batch)
        states = self.language(tokens, keep=self.pooling, chosen=wanted(tokens, self.pooling))
        return ModelOutput(self.language_head(pool(states, tokens, self.pooling)).squeeze(-1))

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """Cross entropy of the hidden word pieces, summed."""
        return masked_word_loss(self.language, self.masked_token_head, batch)

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return masked_word_amount(batch)
