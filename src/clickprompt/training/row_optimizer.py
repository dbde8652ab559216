"""Training a table by the rows that are looked up: a step costs as much as the batch has distinct rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clickprompt.contracts import LookupTable

_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Rows:
    """Some rows of a table as they are at present, copied out."""

    index: Tensor
    """int64 (rows,), distinct."""
    weights: Tensor
    """(rows, width), which collects the gradient."""
    state: tuple[Tensor, ...]
    """What the optimizer keeps of each, brought up to the present."""


class RowOptimizer(ABC):
    """Takes over a table's look-ups: each copies its distinct rows out, and `step` writes them back.

    Looking rows up without gradients changes nothing in the table, so results do not depend on how often one looks.
    """

    def __init__(self, table: LookupTable, rate: float) -> None:
        if table.lookup is not None:
            raise ValueError("another optimizer trains this table; release that one first")
        self.table = table
        self.rate = rate
        """Of the next step."""
        self._looked_up: list[Rows] = []
        table.lookup = self.lookup

    @abstractmethod
    def present(self, index: Tensor | slice) -> tuple[Tensor, ...]:
        """Copies of the weights and of the optimizer's state of these rows as they are after the steps so far."""

    @abstractmethod
    def update(self, rows: Rows, gradient: Tensor) -> None:
        """Take the step that has begun on these rows, and write them back."""

    @abstractmethod
    def begin(self) -> None:
        """Count one more step."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """The table and all that is known of its rows, raw."""

    @abstractmethod
    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""

    def lookup(self, ids: Tensor) -> Tensor:
        """Rows of these ids, int64 (…) → (…, width)."""
        index, places = torch.unique(ids, return_inverse=True)
        weights, *state = self.present(index)
        if torch.is_grad_enabled():
            self._looked_up.append(Rows(index, weights.requires_grad_(), tuple(state)))
        if weights.device.type != "cpu":
            return F.embedding(places, weights)
        # on the CPU the gradient of index_select takes a quarter of the time of embedding's
        return weights.index_select(0, places.flatten()).unflatten(0, places.shape)

    def gradients(self) -> list[Tensor]:
        """The rows looked up since the last step as tensors that hold their gradients, each row once."""
        if len(self._looked_up) > 1:
            self._looked_up = [_merged(self._looked_up)]
        return [rows.weights for rows in self._looked_up if rows.weights.grad is not None]

    @torch.no_grad()
    def step(self) -> None:
        """One step on the rows that were looked up; all others take theirs when they are looked at."""
        self.gradients()
        self.begin()
        for rows in self._looked_up:
            if rows.weights.grad is not None:
                self.update(rows, rows.weights.grad)
        self.forget()

    def forget(self) -> None:
        """Drop what was looked up and not stepped on."""
        self._looked_up = []

    @torch.no_grad()
    def read_into(self, table: Tensor) -> None:
        """Copy the weights of the whole table, as they are at present, into a tensor of its shape."""
        for start in range(0, len(table), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            table[some] = self.present(some)[0]

    @torch.no_grad()
    def release(self) -> None:
        """Bring every row of the table up to the present and give its look-ups back; once is enough."""
        if self.table.lookup is None:
            return
        weights = torch.empty(self.table.weight.shape).to(self.table.weight)
        self.read_into(weights)
        self.table.weight.data = weights
        self.forget()
        self.table.lookup = None


def copy_rows(table: Tensor, index: Tensor | slice) -> Tensor:
    """A copy of these rows."""
    return table[index].clone() if isinstance(index, slice) else table.index_select(0, index)


def put_rows(table: Tensor, index: Tensor, rows: Tensor) -> None:
    """Overwrite these rows. On the CPU a row at a time, as one piece of memory: twice as fast as index_copy_."""
    if table.device.type != "cpu":
        table.index_copy_(0, index, rows)
        return
    piece = np.dtype((np.void, table.element_size() * table.shape[1]))
    table.numpy().view(piece)[:, 0][index.numpy()] = rows.numpy().view(piece)[:, 0]


def _merged(looked_up: list[Rows]) -> Rows:
    """Several look-ups as one; a row that is in several has the sum of its gradients."""
    index, places = torch.unique(torch.cat([rows.index for rows in looked_up]), return_inverse=True)
    weights = torch.empty(len(index), looked_up[0].weights.shape[1]).to(looked_up[0].weights)
    state = tuple(part.new_empty(len(index), *part.shape[1:]) for part in looked_up[0].state)
    gradient = torch.zeros_like(weights)
    with torch.no_grad():
        for rows, place in zip(looked_up, places.split([len(rows.index) for rows in looked_up]), strict=True):
            weights[place] = rows.weights
            for whole, part in zip(state, rows.state, strict=True):
                whole[place] = part
            if rows.weights.grad is not None:
                gradient[place] += rows.weights.grad
    weights.requires_grad_().grad = gradient
    return Rows(index, weights, state)
