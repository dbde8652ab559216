"""Sentences padded to one length, for graphs whose shapes are few: exported files read them, training never does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clickprompt.contracts import Prompts, TokenBatch
from clickprompt.language.config import PoolingName
from clickprompt.language.encoder import PromptedEncoder
from clickprompt.language.reading import Reading


@dataclass
class PaddedReading(Reading):
    """One run of sentences of one length, whose last tokens may be padding: no real word sees those.

    States stand as in any reading, (1, rows · length, d); every size but the prompts' may be open (torch.export).
    """

    real: Tensor | None = None
    """bool (rows, length): which tokens are words."""

    def with_prompts(self, words: Tensor, prompts: Tensor) -> Tensor:
        """Prompts (rows, K, …) before the words (rows · length, …) of each sentence."""
        return torch.cat([prompts, words.unflatten(0, self.tokens.runs[0])], dim=1).flatten(0, 1)

    def window(self, length: int, window: int | None) -> Tensor:
        """Which keys each state sees, bool (rows, 1, 1 or length, beside + length).

        Real words are seen by all that are within the window, prompts by all. Padding sees itself too, so that every
        softmax has something to add up.
        """
        assert self.real is not None
        before = self.carried + self.beside
        seen = torch.cat([self.real.new_ones(self.real.shape[0], before), self.real], dim=1)[:, None, None, :]
        if window is None:
            return seen
        place = torch.arange(-before, self.real.shape[1], device=self.real.device)
        distance, prompt = (place[:, None] - place[None, :]).abs(), place < 0
        near = (distance < window) | prompt[:, None] | prompt[None, :]
        return ((seen & near) | (distance == 0))[:, :, self.beside :]


class PaddedEncoder(nn.Module):
    """Pooled states of padded sentences, by the weights and layers of a `PromptedEncoder`, which stays as it is.

    The numbers are those of `pool(encoder(tokens, prompts, keep=pooling), tokens, pooling)` but for rounding, whatever
    a sentence is padded to. The last layer makes states of all tokens, also where `cls` pooling reads the first alone.
    """

    def __init__(self, encoder: PromptedEncoder, pooling: PoolingName) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor, prompts: Prompts | None = None) -> Tensor:
        """input_ids and attention_mask int64 (rows, length), 0 in the mask where padding stands at the end →
        (rows, d)."""
        rows, length = input_ids.shape
        real = attention_mask != 0
        place, row = torch.arange(length, device=real.device), torch.arange(rows, device=real.device)
        tokens = TokenBatch(input_ids.flatten(), place.expand(rows, -1).flatten(), row * length, ((rows, length),))
        reading = PaddedReading(tokens, prompts, real=real)
        with_first = self.pooling == "mean_first_last"
        states = self.encoder.read(reading, every_layer=with_first or self.pooling == "mean_last_two")

        def of_words(of_layer: Tensor) -> Tensor:
            return of_layer[0].unflatten(0, (rows, length + reading.carried))[:, reading.carried :]

        last = of_words(states.last_hidden_state)
        if self.pooling == "cls":
            return last[:, 0]
        if states.hidden_states is not None:
            last = (last + of_words(states.hidden_states[0 if with_first else -2])) / 2
        weights = real.to(last.dtype)
        return (weights.unsqueeze(1) @ last).squeeze(1) / weights.sum(dim=1, keepdim=True)
