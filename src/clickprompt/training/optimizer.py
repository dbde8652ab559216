"""AdamW with one learning rate for each part of a method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from clickprompt.settings import ClickPromptError


def build_optimizer(
    parts: Mapping[Any, Iterable[nn.Parameter]], learning_rates: Mapping[str, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW over the parts; a part with learning rate 0 is frozen (`requires_grad` off) and left out.

    Raises ClickPromptError where nothing is left to train.

    Each group keeps its `base_lr`. Decay applies to matrices and tables, not to vectors (biases, norms, α).
    """
    groups: list[dict] = []
    for part, parameters in parts.items():
        rate = learning_rates.get(part, 0.0)
        kept = list(parameters)
        for parameter in kept:
            parameter.requires_grad_(rate > 0)
        if rate == 0 or not kept:
            continue
        matrices = [parameter for parameter in kept if parameter.ndim >= 2]
        vectors = [parameter for parameter in kept if parameter.ndim < 2]
        for group, decay in ((matrices, weight_decay), (vectors, 0.0)):
            if group:
                groups.append({"params": group, "lr": rate, "base_lr": rate, "weight_decay": decay, "part": part})
    if not groups:
        raise ClickPromptError("every learning rate is 0, so nothing would be trained; raise ctr_learning_rate")
    return torch.optim.AdamW(groups, fused=True)
