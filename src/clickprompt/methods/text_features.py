"""Text features: a frozen language model's vectors of the values, projected beside the ID embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import torch.nn.functional as F
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, ModelOutput, Reads, TokenBatch
from clickprompt.ctr import CTRModel
from clickprompt.language import PoolingName, pool, wanted
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.parts import Parts

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class TextFeaturesConfig(MethodConfig):
    """The ID model with a frozen language model's vector of each value's words added to its embedding.

    The language model stays as it is, whatever `language_model.tuning` says.
    """

    reads: ClassVar[Reads] = "values"

    kind: Literal["text-features"] = "text-features"


class TextFeatures(Method):
    """x_f = e_f + P·t(v_f), then the ID model as ever: logit = ctr_head(interact(x_1, …, x_F)).

    t(v) is the pooled state of the frozen LM over the value's own piece, "[CLS] Movie title is Toy Story. [SEP]", made
    once per distinct value and divided by its length, so that AdamW, whose steps do not shrink as inputs grow, does not
    move x_f far more by P than by e_f. P, one matrix for all fields, starts at zero: the model starts as the plain ID
    model does and leaves it only as far as words help. A value without a row of its own still brings its words.
    Numbers that a model keeps beside the embedding (`embedding_width` > `embedding_dim`) get nothing added.
    Shapes: embeddings (batch, fields, embedding_width), t (batch, fields, d), P (embedding_dim, d) → logits (batch,).
    """

    ctr: CTRModel

    def __init__(self, ctr: CTRModel, encoder: PromptedEncoder, pooling: PoolingName) -> None:
        super().__init__()
        self.ctr = ctr
        self.language = encoder
        self.pooling: PoolingName = pooling
        self.projection = nn.Linear(encoder.hidden_size, ctr.config.embedding_dim, bias=False)
        nn.init.zeros_(self.projection.weight)

    @classmethod
    def from_parts(cls, config: TextFeaturesConfig, parts: Parts) -> Self:
        return cls(parts.ctr(), parts.encoder(), parts.language.pooling)

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        return (self.language,)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        if batch.value_vectors is None:
            raise ValueError("text-features reads vectors of values; this batch was made without them")
        embeddings = self.ctr.embed(batch.feature_ids, batch.lists)
        words = self.projection(batch.value_vectors)
        beside = embeddings.shape[-1] - words.shape[-1]
        return ModelOutput(self.ctr.head(self.ctr.interact(embeddings + F.pad(words, (0, beside)))))

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        return self.language.parameters()


def vectors_of(encoder: PromptedEncoder, pieces: TokenBatch, pooling: PoolingName) -> Tensor:
    """t(v) = h/‖h‖ of values' pieces, each a sentence of its own, h its pooled state: float32 (values, d)."""
    h = pool(encoder(pieces, keep=pooling, chosen=wanted(pieces, pooling)), pieces, pooling)
    return F.normalize(h.float(), dim=1)
