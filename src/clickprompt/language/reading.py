"""One call of an encoder: what every layer must know of the batch, and where each token stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from clickprompt.contracts import ChosenTokens, Prompts, TokenBatch


@dataclass
class Reading:
    """Travels with the call as a keyword argument, so nothing is left behind in the model.

    Sentences stand end to end in one row of states, (1, tokens, d); attention cuts them apart. Prompts of space `first`
    stand among them, before the words of their sentence; the others are keys and values of a layer only.
    """

    tokens: TokenBatch
    prompts: Prompts | None = None
    chosen: ChosenTokens | None = None
    """The only words whose last states are wanted: the last layer asks with them alone."""
    last_layer: int = -1
    seen: list[nn.Module] = field(default_factory=list)
    """The attention modules that were run, in order."""
    entering: Tensor | None = None
    """What the last layer's attention reads, (1, tokens, d), where it asks with the chosen words alone."""
    rotation: tuple[Tensor, Tensor] | None = None
    """Cosine and sine of each of those states' places, where positions are rotations."""
    _windows: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    @property
    def carried(self) -> int:
        """Prompts a sentence that stand among the states."""
        return self.prompts.length if self.prompts is not None and self.prompts.space == "first" else 0

    @property
    def beside(self) -> int:
        """Prompts a sentence and layer that are keys and values only."""
        return self.prompts.length - self.carried if self.prompts is not None else 0

    @cached_property
    def layers(self) -> tuple[Tensor, ...]:
        """Each layer's prompts."""
        return () if self.prompts is None else self.prompts.states.unbind(0)

    @cached_property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """(sentences, states of each) of neighbours of equal length."""
        return tuple((count, length + self.carried) for count, length in self.tokens.runs)

    @cached_property
    def rows(self) -> Tensor:
        """int64 (tokens,): each word's sentence."""
        places = torch.arange(len(self.tokens.ids), device=self.tokens.ids.device)
        return torch.searchsorted(self.tokens.starts, places, right=True) - 1

    def words_among(self, prompts: int) -> Tensor:
        """int64 (tokens,): where words stand once each sentence has so many prompts before it."""
        return torch.arange(len(self.rows), device=self.rows.device) + prompts * (self.rows + 1)

    def with_prompts(self, words: Tensor, prompts: Tensor) -> Tensor:
        """Prompts (batch, K, …) before the words (tokens, …) of each sentence: (tokens + batch · K, …)."""
        return torch.cat([words, prompts.flatten(0, 1)]).index_select(0, self._with_prompts)

    @cached_property
    def _with_prompts(self) -> Tensor:
        """int64 (tokens + batch · K,): what stands where, the words counted first, then the prompts."""
        assert self.prompts is not None
        words, batch, length = len(self.tokens.ids), len(self.tokens), self.prompts.length
        every = torch.arange(words + batch * length, device=self.rows.device)
        order = torch.empty_like(every)
        order[self.words_among(length)] = every[:words]
        first = self.tokens.starts + length * every[:batch]
        order[first[:, None] + every[:length]] = every[words:].view(batch, length)
        return order

    @cached_property
    def bounds(self) -> Tensor:
        """int64 (batch + 1,): where each sentence begins among the words, and the last one ends."""
        return pad(self.tokens.starts, (0, 1), value=len(self.tokens.ids))

    @cached_property
    def asking(self) -> Tensor:
        """int64 (chosen,): where the chosen words stand among the states."""
        assert self.chosen is not None
        return self.words_among(self.carried)[self.chosen.positions]

    @cached_property
    def slots(self) -> Tensor:
        """int64 (chosen,): each chosen word's slot where every sentence has room for `chosen.most` of them."""
        assert self.chosen is not None
        positions, row = self.chosen.positions, self.rows[self.chosen.positions]
        earlier = torch.searchsorted(positions, self.tokens.starts)
        return row * self.chosen.most + torch.arange(len(positions), device=positions.device) - earlier[row]

    @cached_property
    def places_asked(self) -> Tensor:
        """int64 (batch, most): the place of each slot's word among its sentence's states; 0 in slots that stay free."""
        assert self.chosen is not None
        places = self.tokens.places[self.chosen.positions] + self.carried
        return self.into_slots(places).view(len(self.tokens), -1)

    def into_slots(self, of_chosen: Tensor) -> Tensor:
        """(chosen, …) → (batch · most, …), zeros in slots that stay free."""
        assert self.chosen is not None
        slots = of_chosen.new_zeros(len(self.tokens) * self.chosen.most, *of_chosen.shape[1:])
        return slots.index_copy(0, self.slots, of_chosen)

    def window(self, length: int, window: int | None) -> Tensor | None:
        """Which keys each of a sentence's states sees, bool (length, length + beside); None where each sees all.

        Words further apart than `window` − 1 do not see one another. Prompts are seen by all and see all.
        """
        words = length - self.carried
        if window is None or words <= window:
            return None
        if (length, window) not in self._windows:
            place = torch.arange(-self.carried - self.beside, words, device=self.tokens.ids.device)
            near = (place[:, None] - place[None, :]).abs() < window
            prompt = place < 0
            self._windows[length, window] = (near | prompt[:, None] | prompt[None, :])[self.beside :]
        return self._windows[length, window]
