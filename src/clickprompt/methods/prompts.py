"""Prompts: an ID model's q, turned into soft prompts for every layer of a language model."""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from clickprompt.contracts import Prompts
from clickprompt.settings import Settings


class PromptConfig(Settings):
    """How q becomes prompts."""

    length: PositiveInt = 3
    """K, prompts a layer."""
    layers: Literal["all", "first"] = "all"
    """`first` is the ablation: prompts enter once, beside the word embeddings."""
    space: Literal["key_value", "hidden"] = "key_value"
    """`key_value`: prompts are keys and values (prefix tuning); `hidden`: states that each layer projects itself."""
    projection: Literal["shared", "independent"] = "shared"
    """`shared`: one hidden layer for all prompts (the authors' code); `independent`: a perceptron each (the paper)."""

    @model_validator(mode="after")
    def _first_layer_prompts_are_states(self) -> Self:
        if self.layers == "first" and self.space == "key_value":
            raise ValueError("layers: first needs space: hidden, since such prompts are carried on as ordinary states")
        return self


class PromptGenerator(nn.Module):
    """p_{l,k} = g_{l,k}(q), g a two-layer perceptron with tanh, hidden width = LM hidden size.

    Shapes: q (batch, representation_dim) → Prompts, whose docstring gives the shape for each space.
    Source: ClickPrompt (arXiv 2310.09234), section 3.3.
    """

    def __init__(self, config: PromptConfig, representation_dim: int, num_layers: int, hidden_size: int) -> None:
        super().__init__()
        self.config = config
        self.num_layers = num_layers if config.layers == "all" else 1
        self.hidden_size = hidden_size
        self.numbers = 2 * hidden_size if config.space == "key_value" else hidden_size
        count = self.num_layers * config.length
        if config.projection == "shared":
            self.project: nn.Module = nn.Sequential(
                nn.Linear(representation_dim, hidden_size), nn.Tanh(), nn.Linear(hidden_size, count * self.numbers)
            )
        else:
            self.project = nn.Sequential(
                ParallelLinear(count, representation_dim, hidden_size),
                nn.Tanh(),
                ParallelLinear(count, hidden_size, self.numbers),
            )

    def forward(self, q: Tensor) -> Prompts:
        length = self.config.length
        if self.config.projection == "shared":
            flat = self.project(q).unflatten(1, (self.num_layers, length, self.numbers))
        else:
            flat = self.project(q.unsqueeze(1)).unflatten(1, (self.num_layers, length))
        states = flat.transpose(0, 1)
        if self.config.space == "key_value":
            return Prompts("key_value", states.unflatten(-1, (2, self.hidden_size)))
        return Prompts("first" if self.config.layers == "first" else "hidden", states)


class ParallelLinear(nn.Module):
    """`count` linear layers side by side: y_n = W_n x_n + b_n.

    Shapes: (batch, 1 or count, input_dim) → (batch, count, output_dim).
    """

    def __init__(self, count: int, input_dim: int, output_dim: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(input_dim)  # as nn.Linear draws its own
        self.weight = nn.Parameter(torch.empty(count, input_dim, output_dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(count, output_dim).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(-1, len(self.weight), -1).transpose(0, 1)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight).transpose(0, 1)
