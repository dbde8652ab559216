"""What methods that read sentences have in common: an encoder, the loss of hidden words, a head over pooled states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, Prompts, TokenBatch
from clickprompt.ctr import CTRModel
from clickprompt.language import FullTuning, PoolingName, Tuning, untrained
from clickprompt.methods.method import Method, in_full
from clickprompt.methods.parts import Parts

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead, PromptedEncoder


class SentenceMethod(Method):
    """A method with one encoder, `language`, that reads whole sentences.

    Its masked-token head is there only while it is pretrained with one.
    """

    def __init__(
        self, ctr: CTRModel | None, encoder: PromptedEncoder, pooling: PoolingName, tuning: Tuning | None
    ) -> None:
        super().__init__()
        self.ctr = ctr
        self.language = encoder
        self.pooling: PoolingName = pooling
        self.tuning: Tuning = tuning or FullTuning()
        self.masked_token_head: MaskedTokenHead | None = None

    def add_pretraining_heads(self, parts: Parts) -> None:
        """The checkpoint's own masked-token head, or a new one where it has none."""
        self.masked_token_head = parts.masked_token_head()

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        return (self.language,)

    def language_parameters(self) -> Iterable[nn.Parameter]:
        yield from self.language.parameters()
        if self.masked_token_head is not None and not self.masked_token_head.is_new:
            yield from self.masked_token_head.parameters()

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        return untrained(self.tuning, self.language, self.language_parameters())


def words_of(batch: ClickBatch) -> TokenBatch:
    """The batch's sentences. Raises ValueError where it was made without."""
    if batch.tokens is None:
        raise ValueError("this method reads words, and the batch was made without tokens")
    return batch.tokens


def language_head(width: int) -> nn.Sequential:
    """Linear → tanh → Linear: pooled states (batch, width) → (batch, 1)."""
    return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))


def masked_word_loss(
    encoder: PromptedEncoder, head: MaskedTokenHead | None, batch: ClickBatch, prompts: Prompts | None = None
) -> Tensor:
    """Cross entropy of the hidden word pieces, −Σ log softmax(head(h_i))[w_i]: a scalar, summed over them.

    Raises ValueError for a batch in which no words were hidden, or a method without its pretraining head.
    """
    if head is None or batch.masked is None:
        raise ValueError("masked language modelling needs a masked-token head and a batch with masked words")
    states = encoder(words_of(batch), prompts, chosen=batch.masked)
    return F.cross_entropy(in_full(head(states.last)), batch.masked.targets, reduction="sum")


def masked_word_amount(batch: ClickBatch) -> float:
    """Hidden word pieces of the batch."""
    return 0.0 if batch.masked is None else float(len(batch.masked.positions))
