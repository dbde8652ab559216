"""Attention that also looks at prompts, registered with transformers under the name "clickprompt"."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from clickprompt.contracts import ChosenTokens
from clickprompt.language.dropout import drop
from clickprompt.language.projections import project
from clickprompt.language.reading import Reading
from clickprompt.language.variable_length import attend_at_once, can_attend_at_once

ATTENTION = "clickprompt"

Mix = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


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
    """softmax(q·[k_prompts ⊕ k_words]ᵀ · scaling) [v_prompts ⊕ v_words], within each sentence.

    Prompts come after the words' keys were rotated, so they take no position. In the last layer queries may be those of
    chosen words alone; its keys and values are then made here, of all words.
    Shapes: query, key, value (1, heads, states, head width) → (1, queries, heads, head width).
    """
    reading.seen.append(module)
    queries, keys, values = (x.squeeze(0).transpose(0, 1) for x in (query, key, value))
    chosen = reading.chosen if reading.chosen is not None and module.prompt_layer == reading.last_layer else None
    if chosen is not None:
        keys, values = _of_all_words(module, reading, queries.shape[1:])
    prompts = None
    if reading.beside:
        prompts = _prompts(module, reading, keys)
    if can_attend_at_once(queries, dropout, reading, sliding_window):
        return attend_at_once(queries, keys, values, prompts, reading, chosen, scaling)[None], None
    mix = partial(_mix, dropout=dropout, scaling=scaling)
    return _by_runs(queries, keys, values, prompts, reading, chosen, sliding_window, mix)[None], None


def _by_runs(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    prompts: tuple[Tensor, Tensor] | None,
    reading: Reading,
    chosen: ChosenTokens | None,
    window: int | None,
    mix: Mix,
) -> Tensor:
    """Sentences of one length at a time: no padding, no mask unless words are out of one another's window."""
    counts = [count for count, _ in reading.runs]
    sizes = [count * length for count, length in reading.runs]
    if chosen is not None:
        queries = reading.into_slots(queries)
    asked = sizes if chosen is None else [count * chosen.most for count in counts]
    of_prompts = (
        [None] * len(counts) if prompts is None else list(zip(*(p.split(counts) for p in prompts), strict=True))
    )
    mixed = []
    parts = zip(reading.runs, queries.split(asked), keys.split(sizes), values.split(sizes), of_prompts, strict=True)
    start = 0
    for (count, length), query, key, value, prompt in parts:
        query, key, value = (x.unflatten(0, (count, -1)) for x in (query, key, value))
        if prompt is not None:
            key, value = torch.cat([prompt[0], key], dim=1), torch.cat([prompt[1], value], dim=1)
        seen = reading.window(length, window)
        if seen is not None and chosen is not None:
            seen = seen[reading.places_asked[start : start + count]].unsqueeze(1)  # (count, 1, most, keys)
        mixed.append(mix(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), seen).transpose(1, 2))
        start += count
    together = torch.cat([part.flatten(0, 1) for part in mixed])
    return together if chosen is None else together.index_select(0, reading.slots)


def _mix(
    queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None, dropout: float, scaling: float | None
) -> Tensor:
    if queries.dtype is torch.bfloat16 and queries.device.type == "cpu":
        # At a sentence's length the CPU's kernel is slower in bfloat16 than in float32.
        with torch.autocast("cpu", enabled=False):
            return _mix(queries.float(), keys.float(), values.float(), seen, dropout, scaling).bfloat16()
    if dropout and queries.device.type == "cpu":
        scores = (queries * (scaling or queries.shape[-1] ** -0.5)) @ keys.transpose(-1, -2)
        scores = scores if seen is None else scores.masked_fill(~seen, float("-inf"))
        return drop(scores.softmax(dim=-1), dropout) @ values
    return scaled_dot_product_attention(queries, keys, values, attn_mask=seen, dropout_p=dropout, scale=scaling)


def _of_all_words(module: nn.Module, reading: Reading, split: torch.Size) -> tuple[Tensor, Tensor]:
    """Keys and values of all states where the layer made them of the chosen ones alone: (states, heads, width)."""
    assert reading.entering is not None
    keys, values = (x.squeeze(0).unflatten(-1, split) for x in project(module, reading.entering))
    if reading.rotation is not None:
        cos, sin = (x.squeeze(0).unsqueeze(1) for x in reading.rotation)
        exact = keys.float()  # as transformers rotates
        low, high = exact.chunk(2, dim=-1)
        keys = (exact * cos + torch.cat([-high, low], dim=-1) * sin).to(keys.dtype)
    return keys, values


def _prompts(module: nn.Module, reading: Reading, like: Tensor) -> tuple[Tensor, Tensor]:
    """This layer's prompts as keys and values, (batch, K, heads, head width) each."""
    assert reading.prompts is not None
    states = reading.layers[module.prompt_layer]  # type: ignore[index]
    key, value = project(module, states) if reading.prompts.space == "hidden" else states.unbind(dim=2)
    split = like.shape[1:]
    return key.unflatten(-1, split).to(like.dtype), value.unflatten(-1, split).to(like.dtype)


AttentionInterface.register(ATTENTION, attend)
