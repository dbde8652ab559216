"""Adagrad with one number a row: for tables that fill the memory."""

from __future__ import annotations

import torch
from torch import Tensor

from clickprompt.contracts import LookupTable
from clickprompt.training.row_optimizer import RowOptimizer, Rows, copy_rows

EPSILON = 1e-8


class RowwiseAdagrad(RowOptimizer):
    """a ← a + mean(g²);  p ← p − lr · g / (√a + ε), one accumulator a for each row.

    Rows without gradient do not move, so no step has to be made up for. Source: the exact row-wise Adagrad of DLRM
    (Naumov et al. 2019, arXiv 1906.00091) and FBGEMM.
    """

    def __init__(self, table: LookupTable, rate: float) -> None:
        super().__init__(table, rate)
        self.accumulated = torch.zeros(len(table.weight), dtype=table.weight.dtype, device=table.weight.device)

    def present(self, index: Tensor | slice) -> tuple[Tensor, ...]:
        return copy_rows(self.table.weight.detach(), index), copy_rows(self.accumulated, index)

    def begin(self) -> None:
        """Nothing to count: the step size does not depend on how many came before."""

    def state(self) -> dict[str, Tensor]:
        return {"weights": self.table.weight.detach(), "accumulated": self.accumulated}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        self.table.weight.copy_(state["weights"])
        self.accumulated.copy_(state["accumulated"])

    def update(self, rows: Rows, gradient: Tensor) -> None:
        weights, (accumulated,) = rows.weights.detach(), rows.state
        accumulated += gradient.square().mean(dim=1)
        scale = accumulated.sqrt().add_(EPSILON).unsqueeze(1)
        weights.addcdiv_(gradient, scale, value=-self.rate)
        self.table.weight.index_copy_(0, rows.index, weights)
        self.accumulated.index_copy_(0, rows.index, accumulated)
