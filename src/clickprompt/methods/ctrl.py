"""CTRL: an ID model learns to agree with a language model about each row, and is served alone (Li et al., 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field as Setting
from pydantic import PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, ModelOutput, Reads
from clickprompt.ctr import CTRModel
from clickprompt.language import PoolingName, Tuning, pool, wanted
from clickprompt.methods.contrast import contrast
from clickprompt.methods.method import MethodConfig, Pretrainable
from clickprompt.methods.parts import Parts
from clickprompt.methods.words import SentenceMethod, words_of

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class CTRLConfig(MethodConfig):
    """CTRL: contrast aligns each row's ID vector with its sentence vector; then the ID model alone.

    Nothing is hidden, so `pretrain.mask_rate` has no effect.
    """

    reads: ClassVar[Reads] = "sentence"
    whole_batches: ClassVar[bool] = True
    pools: ClassVar[bool] = True

    kind: Literal["ctrl"] = "ctrl"
    projection_dim: PositiveInt = 128
    """Width that both vectors are projected to before they are compared."""
    temperature: PositiveFloat = Setting(default=0.7, allow_inf_nan=False)
    """τ, which similarities are divided by; lower ones press harder on the most similar other rows."""
    sub_spaces: PositiveInt = 1
    """M, parts that both vectors are cut into, each matched with the most similar of the other's; 1 is plain CTRL."""

    @model_validator(mode="after")
    def _sub_spaces_are_of_equal_width(self) -> Self:
        if self.projection_dim % self.sub_spaces:
            raise ValueError(f"projection_dim {self.projection_dim} cannot be cut into {self.sub_spaces} sub_spaces")
        return self


class CTRL(SentenceMethod, Pretrainable):
    """Stage 1 aligns t = W_t·pool(h) + b_t of a row's sentence with v = W_v·q + b_v of its ids; stage 2 keeps q's side.

    L = contrast(t, v): InfoNCE in both directions over the rows of the batch, see `contrast`. Shapes: pooled (batch, d)
    and q (batch, representation_dim) → both (batch, projection_dim). Afterwards it is the plain ID model. Source:
    arXiv 2306.02841, cross-modal knowledge alignment; the fine-grained form is `sub_spaces` > 1.
    """

    ctr: CTRModel

    def __init__(
        self,
        config: CTRLConfig,
        ctr: CTRModel,
        encoder: PromptedEncoder,
        pooling: PoolingName,
        tuning: Tuning | None = None,
    ) -> None:
        super().__init__(ctr, encoder, pooling, tuning)
        self.config = config
        self.of_ids = nn.Linear(ctr.representation_dim, config.projection_dim)
        self.of_words = nn.Linear(encoder.hidden_size, config.projection_dim)

    @classmethod
    def from_parts(cls, config: CTRLConfig, parts: Parts) -> Self:
        return cls(config, parts.ctr(), parts.encoder(), parts.language.pooling, parts.language.tuning)

    def add_pretraining_heads(self, parts: Parts) -> None:
        """None: no word is recovered."""

    def forward(self, batch: ClickBatch) -> ModelOutput:
        return ModelOutput(self.ctr(batch.feature_ids, batch.lists))

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """Contrast of the rows' two vectors, summed over the rows, which must be all of an optimizer step's."""
        tokens = words_of(batch)
        states = self.language(tokens, keep=self.pooling, chosen=wanted(tokens, self.pooling))
        words = self.of_words(pool(states, tokens, self.pooling))
        ids = self.of_ids(self.ctr.representation(batch.feature_ids, batch.lists))
        return contrast(words, ids, self.config.temperature, self.config.sub_spaces)

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return float(len(batch))
