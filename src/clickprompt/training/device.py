"""Which processor computes, and in which precision."""

from __future__ import annotations

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
    return torch.device(name)


def bfloat16_pays(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 matrices natively (CUDA since Ampere; CPUs with AVX512-BF16 or AMX)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.backends.mkldnn.is_available() and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def autocast(device: torch.device, precision: Precision, *, reads_words: bool) -> AbstractContextManager[object]:
    """The context a forward pass runs in. ID models alone stay in float32 under `auto`: they are bound by memory."""
    wanted = precision == "bfloat16" or (precision == "auto" and reads_words and bfloat16_pays(device))
    return torch.autocast(device.type, dtype=torch.bfloat16) if wanted else nullcontext()
