"""How the served families turn a layer's input into keys and values."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import linear

_NAMES = (("key", "value"), ("k_lin", "v_lin"))


def has_known_projections(attention: nn.Module) -> bool:
    """Whether `project` can serve this attention module."""
    return isinstance(getattr(attention, "Wqkv", None), nn.Linear) or any(
        all(isinstance(getattr(attention, name, None), nn.Linear) for name in names) for names in _NAMES
    )


def project(attention: nn.Module, states: Tensor) -> tuple[Tensor, Tensor]:
    """States (…, d) mapped by the module's own key and value projections, biases included, before the split."""
    for names in _NAMES:
        if hasattr(attention, names[0]):
            return getattr(attention, names[0])(states), getattr(attention, names[1])(states)
    packed: nn.Module = attention.Wqkv  # type: ignore[assignment]  # rows: queries, keys, values
    if not isinstance(packed, nn.Linear):  # a wrapper, such as LoRA's, holds more than one matrix
        _, key, value = packed(states).chunk(3, dim=-1)
        return key, value
    third = packed.out_features // 3
    bias = None if packed.bias is None else packed.bias[third:]
    key, value = linear(states, packed.weight[third:], bias).chunk(2, dim=-1)
    return key, value
