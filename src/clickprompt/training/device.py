"""Which processor computes, and in which precision."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from clickprompt.settings import ClickPromptError
from clickprompt.training.config import Precision

DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: DeviceName) -> torch.device:
    """`auto`: the GPU where there is one. Raises ClickPromptError where a named device is absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ClickPromptError("device: cuda was asked for, but PyTorch sees no GPU here; use device: auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        # The same seed shall give the same numbers. cuBLAS reads this when it is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device(name)


def bfloat16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware: most CUDA cards; CPUs with AVX512-BF16 or AMX.

    A CPU without them emulates: 15 times slower than float32 was measured on one with AVX2 alone.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def wants_bfloat16(device: torch.device, precision: Precision, *, reads_words: bool) -> bool:
    """Whether a forward pass runs in bfloat16. ID models alone stay in float32 under `auto`: memory binds them."""
    return precision == "bfloat16" or (precision == "auto" and reads_words and bfloat16_pays(device))


def autocast(device: torch.device, precision: Precision, *, reads_words: bool) -> AbstractContextManager[object]:
    """The context a forward pass runs in."""
    wanted = wants_bfloat16(device, precision, reads_words=reads_words)
    return torch.autocast(device.type, dtype=torch.bfloat16) if wanted else nullcontext()
