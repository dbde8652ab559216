"""The best weights seen, and when to give up looking for better ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from clickprompt.training.config import EarlyStoppingConfig
from clickprompt.training.state import State


class BestWeights:
    """Keeps a copy of the trained weights with the highest validation AUC; ties keep the earlier one."""

    def __init__(self, config: EarlyStoppingConfig | None) -> None:
        self.patience = None if config is None else config.patience
        self.auc = float("-inf")
        self.step = 0
        self.evaluations_since = 0
        self._weights: dict[str, torch.Tensor] = {}

    def offer(self, read_into: Callable[[dict[str, torch.Tensor]], None], auc: float, step: int) -> None:
        """Look at an evaluation; if it is the best so far, let the present weights be read into the copy."""
        if auc > self.auc:
            self.auc, self.step, self.evaluations_since = auc, step, 0
            read_into(self._weights)
        else:
            self.evaluations_since += 1

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.evaluations_since > self.patience

    @torch.no_grad()
    def restore(self, method: nn.Module) -> None:
        """Put the best weights back."""
        parameters = dict(method.named_parameters())
        for name, weights in self._weights.items():
            parameters[name].copy_(weights)

    def state(self) -> State:
        """What has been seen so far."""
        auc = None if self.auc == float("-inf") else self.auc
        return State(dict(self._weights), {"auc": auc, "step": self.step, "since": self.evaluations_since})

    def load(self, state: State, device: torch.device) -> None:
        """Go on from there."""
        values = state.values
        self.auc = float("-inf") if values["auc"] is None else values["auc"]
        self.step, self.evaluations_since = values["step"], values["since"]
        self._weights = {name: weights.to(device) for name, weights in state.tensors.items()}
