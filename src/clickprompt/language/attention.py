"""Attention that also looks at prompts, registered with transformers under the name "clickprompt"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

from clickprompt.contracts import Prompts
from clickprompt.language.projections import project

ATTENTION = "clickprompt"


@dataclass
class Reading:
    """One call of an encoder: what every layer must know of the batch. It travels with the call as a keyword argument,
    so nothing is left behind in the model.

    transformers builds no mask for attention that it does not know; masks are made here, at most one a window.
    """

    real: Tensor | None
    """bool (batch, length), True at real tokens; None where none is padding."""
    prompts: Prompts | None = None
    seen: list[nn.Module] = field(default_factory=list)
    """The attention modules that were run, in order."""
    _masks: dict[int | None, Tensor | None] = field(default_factory=dict)

    @property
    def carried(self) -> int:
        """Prompts that stand among the states themselves, before the words."""
        return self.prompts.length if self.prompts is not None and self.prompts.space == "first" else 0

    @property
    def beside(self) -> int:
        """Prompts a layer that are keys and values only."""
        return self.prompts.length - self.carried if self.prompts is not None else 0

    def mask(self, states: Tensor, window: int | None) -> Tensor | None:
        """Which keys each query sees, bool (batch or 1, 1, queries or 1, keys); None where each sees all.

        Prompts are seen by all and see all. Words further apart than `window` − 1 do not see one another.
        """
        if window not in self._masks:
            self._masks[window] = self._make_mask(states, window)
        return self._masks[window]

    def _make_mask(self, states: Tensor, window: int | None) -> Tensor | None:
        length = states.shape[2] - self.carried
        real = None if self.real is None else self.real[:, None, None, :]
        seen = real
        if window is not None and length > window:
            place = torch.arange(length, device=states.device)
            apart = (place[:, None] - place[None, :]).abs()
            seen = (apart < window)[None, None]
            if real is not None:
                # A padded query may have no real word in its window; it sees itself, or its softmax would be 0/0.
                seen = seen & real | (apart == 0)
            if self.carried:  # prompts as queries: no window
                of_prompts = torch.ones_like(seen[:, :, :1]) if real is None else real
                seen = torch.cat([of_prompts.expand(-1, -1, self.carried, -1), seen], dim=2)
        return None if seen is None else pad(seen, (self.carried + self.beside, 0), value=True)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    reading: Reading,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """softmax(q·[k_prompts ⊕ k_words]ᵀ · scaling) [v_prompts ⊕ v_words].

    Prompts come after the words' keys were rotated, so they take no position. Shapes: query, key, value
    (batch, heads, length, head width) → (batch, length, heads, head width).
    """
    reading.seen.append(module)
    if reading.beside:
        prompt_key, prompt_value = _keys_and_values(module, reading.prompts, key)  # type: ignore[arg-type]
        key, value = torch.cat([prompt_key, key], dim=2), torch.cat([prompt_value, value], dim=2)
    mixed = scaled_dot_product_attention(
        query, key, value, attn_mask=reading.mask(query, sliding_window), dropout_p=dropout, scale=scaling
    )
    return mixed.transpose(1, 2).contiguous(), None


def _keys_and_values(module: nn.Module, prompts: Prompts, like: Tensor) -> tuple[Tensor, Tensor]:
    """This layer's prompts as keys and values, (batch, heads, K, head width) each."""
    states = prompts.states[module.prompt_layer]  # type: ignore[index]
    key, value = project(module, states) if prompts.space == "hidden" else states.unbind(dim=2)
    batch, heads, _, width = like.shape
    split = (batch, prompts.length, heads, width)
    return key.reshape(split).transpose(1, 2).to(like.dtype), value.reshape(split).transpose(1, 2).to(like.dtype)


AttentionInterface.register(ATTENTION, attend)
