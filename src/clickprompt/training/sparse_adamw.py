"""AdamW that touches only the rows of the batch, and learns what AdamW over the whole table learns."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from clickprompt.contracts import LookupTable
from clickprompt.training.idle_steps import Adam, IdleSteps
from clickprompt.training.row_optimizer import RowOptimizer, Rows, copy_rows, put_rows


class SparseAdamW(RowOptimizer):
    """AdamW (Loshchilov & Hutter 2019) by rows: a row first takes, in closed form, the steps that it sat out.

    While it trains a table it keeps weights and both moments of a row side by side, (rows, 3 · width), so that a row is
    one piece of memory; `table.weight` looks into it. Besides, each row's last step, int32 (rows,).
    """

    def __init__(self, table: LookupTable, rate: float, adam: Adam) -> None:
        super().__init__(table, rate)
        weight = table.weight
        count, self.width = weight.shape
        self.adam = adam
        self.idle = IdleSteps(adam, weight.device, weight.dtype)
        self.last = torch.zeros(count, dtype=torch.int32, device=weight.device)
        self.rows = torch.zeros(count, 3 * self.width, dtype=weight.dtype, device=weight.device)
        self.rows[:, : self.width] = weight.detach()
        weight.data = self.rows[:, : self.width]

    def present(self, index: Tensor | slice) -> tuple[Tensor, ...]:
        weights, first, second = copy_rows(self.rows, index).split(self.width, dim=1)
        last = self.last[index].long()
        fading = self.idle.fading(last)
        if self.adam.weight_decay:
            weights = weights * self.idle.decay(last)
        many = not torch.is_grad_enabled()
        weights = weights - self.idle.drift(last, first, second.sqrt(), many=many)
        return weights, first * fading[:, :1], second * fading[:, 1:]

    def begin(self) -> None:
        self.idle.advance(self.rate)

    def state(self) -> dict[str, Tensor]:
        return {"rows": self.rows, "last": self.last, **self.idle.state()}

    def load(self, state: dict[str, Tensor]) -> None:
        self.rows.copy_(state["rows"])
        self.last.copy_(state["last"])
        self.idle.load(state)

    def update(self, rows: Rows, gradient: Tensor) -> None:
        adam, n, rate = self.adam, self.idle.step, self.rate
        weights, (first, second) = rows.weights.detach(), rows.state
        first.lerp_(gradient, 1 - adam.beta1)
        second.mul_(adam.beta2).addcmul_(gradient, gradient, value=1 - adam.beta2)
        root = second.sqrt().div_(math.sqrt(1 - adam.beta2**n)).add_(adam.epsilon)
        if adam.weight_decay:
            weights.mul_(1 - rate * adam.weight_decay)
        weights.addcdiv_(first, root, value=-rate / (1 - adam.beta1**n))
        put_rows(self.rows, rows.index, torch.cat([weights, first, second], dim=1))
        self.last.index_fill_(0, rows.index, n)
