"""What methods that read sentences have in common: the loss of hidden words, and a head over pooled states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, Prompts, TokenBatch
from clickprompt.methods.method import in_full

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead, PromptedEncoder


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
