"""An encoder that multiplies 8-bit integers, for scoring on CPUs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from clickprompt.language.encoder import PromptedEncoder
from clickprompt.settings import ClickPromptError

_LEVELS = 64
"""Weights become −64 … 64: processors without VNNI add two products of 8-bit numbers in 16 bits, and 2 · 255 · 64 is
the most that fits. So every processor computes the same integers."""


class Int8Linear(nn.Module):
    """x ↦ x·Wᵀ + b with W and x as integers.

    W_ij ≈ c_i·v_ij, v in −64 … 64, c_i = max_j |W_ij| / 64 for each output; x_tj ≈ l_t + a_t·u_tj, u in 0 … 255, l_t
    and a_t from the least and the greatest number of each token t (0 among them), so no token's result depends on the
    others. Then y_ti = a_t·c_i·Σ_j u_tj·v_ij + l_t·c_i·Σ_j v_ij + b_i, the first sum in 32-bit integers.
    Shapes: float32 (…, in) → (…, out). It has no gradient.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight = layer.weight.detach().float()
        # A row of zeros has any step.
        self.steps = weight.abs().amax(dim=1).div_(_LEVELS).clamp_(min=torch.finfo(torch.float32).tiny)
        values = weight.div(self.steps[:, None]).round_().to(torch.int8)
        self.sums = values.float().sum(dim=1) * self.steps
        self.bias = torch.zeros(self.out_features) if layer.bias is None else layer.bias.detach().float()
        self._no_zero_points = torch.zeros(self.out_features, dtype=torch.int32)
        self._packed = torch.ops.onednn.qlinear_prepack(values, None)

    def forward(self, states: Tensor) -> Tensor:
        x = states.reshape(-1, self.in_features)
        if not len(x):
            return states.new_zeros(*states.shape[:-1], self.out_features)
        low, high = x.amin(dim=1, keepdim=True).clamp_(max=0), x.amax(dim=1, keepdim=True).clamp_(min=0)
        step = (high - low).div_(255).clamp_(min=torch.finfo(torch.float32).tiny)
        inverse = step.reciprocal()
        # Conversion cuts the fraction off, so a half more rounds to the nearest.
        integers = torch.addcmul(0.5 - low * inverse, x, inverse).to(torch.uint8)
        y = torch.ops.onednn.qlinear_pointwise(
            integers,
            1.0,
            0,
            self._packed,
            self.steps,
            self._no_zero_points,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        y.mul_(step).add_(self.bias).addcmul_(low, self.sums)
        return y.view(*states.shape[:-1], self.out_features)


def quantized(encoder: PromptedEncoder) -> PromptedEncoder:
    """A copy whose layers multiply 8-bit integers; every other weight is shared with the encoder, which stays as it is.

    Embeddings, normalizations, softmax and prompts stay float32. Raises ClickPromptError where this PyTorch has no
    such product.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.onednn, "qlinear_pointwise")):
        raise ClickPromptError("precision: this PyTorch was built without oneDNN, which int8 needs; choose float32")
    shared = {id(tensor): tensor for tensor in (*encoder.parameters(), *encoder.buffers())}
    copied: PromptedEncoder = copy.deepcopy(encoder, dict(shared))
    for module in [module for layer in copied.layers for module in layer.modules()]:
        for name, part in module.named_children():
            if isinstance(part, nn.Linear):
                setattr(module, name, Int8Linear(part))
    return copied
