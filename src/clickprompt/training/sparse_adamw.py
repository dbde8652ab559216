"""AdamW that touches only the rows of the batch, and learns what AdamW over the whole table learns."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from clickprompt.contracts import LookupTable
from clickprompt.training.idle_steps import Adam, IdleSteps
from clickprompt.training.row_optimizer import RowOptimizer, Rows


class SparseAdamW(RowOptimizer):
    """AdamW (Loshchilov & Hutter 2019) by rows: a row first takes, in closed form, the steps that it sat out.

    State: both moments side by side, (rows, 2 · width), and each row's last step, int32 (rows,).
    """

    def __init__(self, table: LookupTable, rate: float, adam: Adam) -> None:
        super().__init__(table, rate)
        weight = table.weight
        self.adam = adam
        self.idle = IdleSteps(adam, weight.device)
        self.moments = torch.zeros(weight.shape[0], 2 * weight.shape[1], dtype=weight.dtype, device=weight.device)
        self.last = torch.zeros(weight.shape[0], dtype=torch.int32, device=weight.device)

    @property
    def state_bytes(self) -> int:
        return self.moments.nbytes + self.last.nbytes

    def present(self, index: Tensor | slice) -> tuple[Tensor, ...]:
        weights, moments, last = (_copy(part, index) for part in (self.table.weight.detach(), self.moments, self.last))
        last = last.long()
        idle = (self.idle.step - last).double()
        first, second = moments.chunk(2, dim=1)
        if self.adam.weight_decay:
            weights *= self.idle.decay(last).to(weights.dtype).unsqueeze(1)
        weights -= self.idle.drift(last, first, second.sqrt())
        first *= (self.adam.beta1**idle).to(weights.dtype).unsqueeze(1)
        second *= (self.adam.beta2**idle).to(weights.dtype).unsqueeze(1)
        return weights, moments

    def begin(self) -> None:
        self.idle.advance(self.rate)

    def update(self, rows: Rows, gradient: Tensor) -> None:
        adam, n, rate = self.adam, self.idle.step, self.rate
        weights, (moments,) = rows.weights.detach(), rows.state
        first, second = moments.chunk(2, dim=1)
        first.lerp_(gradient, 1 - adam.beta1)
        second.mul_(adam.beta2).addcmul_(gradient, gradient, value=1 - adam.beta2)
        root = second.sqrt().div_(math.sqrt(1 - adam.beta2**n)).add_(adam.epsilon)
        if adam.weight_decay:
            weights *= 1 - rate * adam.weight_decay
        weights.addcdiv_(first, root, value=-rate / (1 - adam.beta1**n))
        self.table.weight.index_copy_(0, rows.index, weights)
        self.moments.index_copy_(0, rows.index, moments)
        self.last[rows.index] = n


def _copy(table: Tensor, index: Tensor | slice) -> Tensor:
    return table[index].clone() if isinstance(index, slice) else table.index_select(0, index)
