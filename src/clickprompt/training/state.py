"""What a training loop is at a step, as tensors by name and plain JSON values: enough to go on as if nothing was."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class State:
    """Tensors and JSON values, whose names are paths such as `optimizer/0/exp_avg`."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def put(self, part: str, state: State) -> None:
        """Take a part's state in, under the part's name."""
        self.tensors |= {f"{part}/{name}": tensor for name, tensor in state.tensors.items()}
        self.values[part] = state.values

    def part(self, part: str) -> State:
        """What `put` took in."""
        start = f"{part}/"
        tensors = {name.removeprefix(start): tensor for name, tensor in self.tensors.items() if name.startswith(start)}
        return State(tensors, self.values[part])

    def copied(self) -> State:
        """A copy on the CPU that later steps do not change."""
        tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in self.tensors.items()}
        return State(tensors, deepcopy(self.values))


def random_state(device: torch.device) -> State:
    """Of PyTorch's generators, which dropout and negatives draw from; batches draw by (seed, epoch, row)."""
    tensors = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    return State(tensors)


def restore_random_state(state: State, device: torch.device) -> None:
    """Let the generators go on from there."""
    torch.set_rng_state(state.tensors["cpu"])
    if "cuda" in state.tensors and device.type == "cuda":
        torch.cuda.set_rng_state(state.tensors["cuda"], device)
