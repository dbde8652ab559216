"""Initial weights of an ID model's linear layers."""

from __future__ import annotations

from torch import nn


def initialise_linear_layers(model: nn.Module) -> None:
    """Weights N(0, 2/fan_in), biases 0 (He et al. 2015, arXiv 1502.01852, eq. 10), for every `nn.Linear`.

    torch's own start has a sixth of that variance; a deep tower over small embeddings then passes on so little that the
    table learns slowly: docs/results.md has what it costs. Parameters outside such layers keep their model's start.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
