"""Which numbers a model computes with, and what of them pays on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]
ScoringPrecision = Literal["auto", "float32", "bfloat16", "int8"]
"""`int8` reads words with 8-bit integers and computes all else in float32."""


def bfloat16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware: most CUDA cards; CPUs with AVX512-BF16 or AMX.

    A CPU without them emulates: 15 times slower than float32 was measured on one with AVX2 alone.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def wants_bfloat16(device: torch.device, precision: ScoringPrecision, *, reads_words: bool) -> bool:
    """Whether a forward pass runs in bfloat16. ID models alone stay in float32 under `auto`: memory binds them."""
    return precision == "bfloat16" or (precision == "auto" and reads_words and bfloat16_pays(device))


def autocast(device: torch.device, precision: ScoringPrecision, *, reads_words: bool) -> AbstractContextManager[object]:
    """The context a forward pass runs in."""
    import torch

    wanted = wants_bfloat16(device, precision, reads_words=reads_words)
    return torch.autocast(device.type, dtype=torch.bfloat16) if wanted else nullcontext()
