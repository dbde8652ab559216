"""Dropout that costs little on CPUs, where PyTorch draws its masks by one thread and one number at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as plain_dropout

_PARTS = 1 << 16
"""A share is rounded to a multiple of one in so many; what stays is scaled by what the rounded share asks for."""


class Dropout(nn.Dropout):
    """`nn.Dropout`, on CPUs by `drop`."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape → the same shape."""
        return drop(input, self.p) if self.training else input


def drop(states: Tensor, share: float) -> Tensor:
    """Zero each number with probability `share` and scale the others by 1/(1 − share).

    On CPUs 16 random bits decide on a number (SFC64, seeded by a draw of PyTorch's own generator): a fifth of the time
    of PyTorch's Bernoulli draws. Elsewhere, and where torch.compile makes the masks, PyTorch's own.
    """
    dropped = round(share * _PARTS)
    if states.device.type != "cpu" or not 0 < dropped < _PARTS or torch.compiler.is_compiling():
        return plain_dropout(states, share)
    seed = int(torch.randint(2**62, ()))
    words = np.random.SFC64(seed).random_raw((states.numel() + 3) // 4)
    kept = torch.from_numpy(words.view(np.int16)[: states.numel()]) >= dropped - _PARTS // 2
    return _Masked.apply(states, kept.view(states.shape), _PARTS / (_PARTS - dropped))  # type: ignore[no-any-return]


class _Masked(torch.autograd.Function):
    """states · kept · scale, whose gradient is gradient · kept · scale."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, kept: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return torch.ops.aten.native_dropout_backward(states, kept, scale)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (kept,) = ctx.saved_tensors
        return torch.ops.aten.native_dropout_backward(gradient, kept, ctx.scale), None, None


def with_fast_dropout(model: nn.Module) -> None:
    """Replace every `nn.Dropout` in place."""
    for module in list(model.modules()):
        for name, part in list(module.named_children()):
            if type(part) is nn.Dropout:
                setattr(module, name, Dropout(part.p).train(part.training))
