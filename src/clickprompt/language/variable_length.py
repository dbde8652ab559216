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


def can_attend_at_once(queries: Tensor, dropout: float, reading: Reading, window: int | None) -> bool:
    """Whether the kernel serves: half precision on CUDA, no dropout of attention, every word within the window."""
    return (
        queries.is_cuda
        and queries.dtype in (torch.bfloat16, torch.float16)
        and dropout == 0.0
        and (window is None or reading.tokens.longest <= window)
        and _kernel() is not None
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
    device = queries.device
    total = torch.tensor([len(reading.tokens.ids)], device="cpu").to(device, non_blocking=True)
    words = torch.cat([reading.tokens.starts, total])
    each = torch.arange(len(words), device=device)
    standing = words + reading.carried * each
    asked, most = standing, reading.tokens.longest + reading.carried
    if chosen is not None:
        asked, most = torch.searchsorted(chosen.positions, words), chosen.most
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
