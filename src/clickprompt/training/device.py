"""Which processor computes."""

from __future__ import annotations

import os
from typing import Literal

import torch

from clickprompt.settings import ClickPromptError

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
