"""All sentences of a batch in one kernel, whatever their lengths: CUDA's variable-length attention."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from clickprompt.contracts import ChosenTokens
from clickprompt.language.reading import Reading


@cache
def _kernel() -> Any:
    """`torch.nn.attention.varlen.varlen_attn`, None where this PyTorch lacks it."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn


@cache
def _device_serves(device: torch.device) -> bool:
    """Flash attention needs a GPU of compute capability 8 or more."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0) and _kernel() is not None


def can_attend_at_once(queries: Tensor, dropout: float, reading: Reading, window: int | None) -> bool:
    """Whether the kernel serves: half precision on a GPU that has it, heads of a width it takes, no dropout of
    attention, every word within the window."""
    width = queries.shape[-1]
    return (
        queries.dtype in (torch.bfloat16, torch.float16)
        and width % 8 == 0
        and width <= 256
        and dropout == 0.0
        and (window is None or reading.tokens.longest <= window)
        and _device_serves(queries.device)
    )


def attend_at_once(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    prompts: tuple[Tensor, Tensor] | None,
    reading: Reading,
    chosen: ChosenTokens | None,
    scaling: float | None,
) -> Tensor:
    """Shapes: queries (queries, heads, width), keys and values (states, heads, width), prompts (batch, K, heads, width)
    → (queries, heads, width)."""
    if prompts is not None:
        keys, values = (reading.with_prompts(x, own) for x, own in zip((keys, values), prompts, strict=True))
    each = torch.arange(len(reading.bounds), device=queries.device)
    standing = reading.bounds + reading.carried * each
    asked, most = standing, reading.tokens.longest + reading.carried
    if chosen is not None:
        asked, most = torch.searchsorted(chosen.positions, reading.bounds), chosen.most
    return _kernel()(
        queries.contiguous(),
        keys.contiguous(),
        values.contiguous(),
        asked.int(),
        (standing + reading.beside * each).int(),
        most,
        reading.tokens.longest + reading.carried + reading.beside,
        scale=scaling,
    )
