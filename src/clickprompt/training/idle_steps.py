"""What AdamW does to a row over steps in which it has no gradient, in closed form.

Over steps t+1..n without gradient a row's moments only shrink, and its weights move by

    p_n = (D_n/D_t) p_t − Σ_{s=t+1..n} w_s m_t / (√v_t u_s + ε),
    w_s = lr_s β1^{s−t} / (1 − β1^s) · D_n/D_s,   u_s = β2^{(s−t)/2} / √(1 − β2^s),   D_n = Π_{s≤n} (1 − lr_s λ).

w and u depend on t and n alone, so the sum is a function of √v_t with a few numbers for each t. Terms beyond the first
W = ln(δ)/ln(β1/√β2) steps do not count, δ below the table's precision. Written about a centre u0, with
y = √v/(√v u0 + ε),

    Σ_s w_s/(√v u_s + ε) = 1/(√v u0 + ε) · Σ_j M_j y^j,   M_j = Σ_s w_s (u0 − u_s)^j,

which converges fast once u hardly changes within W steps. Before that (t below `EARLY`/(1 − β2)) the terms are added
up one by one while the row's window is open, and by a Gauss quadrature of the same terms once it has closed, or when
many rows are read at one step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

EARLY = 0.3
"""Steps · (1 − β2) before which the series does not serve."""
_PRECISION = {torch.float64: (8, 1e-14), torch.float32: (5, 1e-9)}
"""Terms of the series, and the smallest share of a sum that counts, for each type of table."""
_NODES = 16
"""Of a closed window's quadrature."""
_BANDS = (8, 32, 128)
"""Idle steps up to which rows of the first steps are summed together, so that few share a long sum."""
_ELEMENTS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Adam:
    """Constants of AdamW."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0


class IdleSteps:
    """Learning rates of the steps so far, and the tables that follow from them, indexed by the step t of a row."""

    def __init__(self, adam: Adam, device: torch.device, dtype: torch.dtype) -> None:
        if adam.beta1 >= math.sqrt(adam.beta2):
            raise ValueError(f"beta1 {adam.beta1} must be below √beta2 {math.sqrt(adam.beta2):.4f}")
        if dtype not in _PRECISION:
            raise ValueError(f"a table of {dtype} cannot be trained row by row; make it float32 or float64")
        moments, share = _PRECISION[dtype]
        self.adam = adam
        self.step = 0
        self.early = round(EARLY / (1 - adam.beta2))
        self.window = math.ceil(math.log(share) / math.log(adam.beta1 / math.sqrt(adam.beta2)))
        idle = np.arange(self.window, 0, -1)
        self._powers = adam.beta1**idle, adam.beta2 ** (idle / 2)
        self._epsilon = torch.tensor(adam.epsilon, dtype=dtype, device=device)
        self._log_betas = torch.tensor([math.log(adam.beta1), math.log(adam.beta2)], dtype=dtype, device=device)
        # lr, log D, u0 and M_0.. by step: kept on the host in full precision, read on the device in the table's
        self._known = np.zeros((1024, 3 + moments))
        self._known[0, 2] = 1.0  # step 0: rows never touched, whose moments are zero
        self._device, self._dtype = device, dtype
        self._series = torch.from_numpy(self._known[:, 2:]).to(device, dtype, copy=True)
        self._log_decay = torch.zeros(len(self._known), dtype=torch.float64, device=device)
        self._quadratures = torch.zeros(2, self.early, _NODES, dtype=torch.float64, device=device)
        self._quadratures[1] = 1.0
        self._summed_up = 0

    def advance(self, rate: float) -> None:
        """One more step, at this learning rate."""
        self.step += 1
        n, adam = self.step, self.adam
        if n == len(self._known):
            self._known = np.concatenate([self._known, np.zeros_like(self._known)])
            self._series = torch.cat([self._series, torch.zeros_like(self._series)])
            self._log_decay = torch.cat([self._log_decay, torch.zeros_like(self._log_decay)])
        decay = 1 - rate * adam.weight_decay
        # the centre lies near the mean of u over the weights of the steps to come, which is 1/(1 − β1) steps away
        ahead = 1 / (1 - adam.beta1)
        centre = adam.beta2 ** (ahead / 2) / math.sqrt(1 - adam.beta2 ** (n + ahead))
        self._known[n, :3] = rate, self._known[n - 1, 1] + math.log(decay), centre
        first = max(self.early, n - self.window)
        if first < n:
            first_power, second_power = (power[first - n :] for power in self._powers)
            term = rate / (1 - adam.beta1**n) * first_power
            away = self._known[first:n, 2] - second_power / math.sqrt(1 - adam.beta2**n)
            moments = self._known[first:n, 3:]
            if decay != 1:
                moments *= decay
            for j in range(moments.shape[1]):
                moments[:, j] += term
                term *= away
        changed = slice(min(first, n), n + 1)
        self._series[changed].copy_(torch.from_numpy(self._known[changed, 2:]))
        self._log_decay[n] = self._known[n, 1]
        closed = n - self.window
        if 0 < closed < self.early:
            self._sum_up(closed, self.window)

    def state(self) -> dict[str, Tensor]:
        """All that follows from the steps so far."""
        return {
            "known": torch.from_numpy(self._known),
            "series": self._series,
            "log_decay": self._log_decay,
            "quadratures": self._quadratures,
            "steps": torch.tensor([self.step, self._summed_up]),
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        self._known = state["known"].numpy().copy()
        self._series, self._log_decay, self._quadratures = (
            state[name].to(self._device, copy=True) for name in ("series", "log_decay", "quadratures")
        )
        self.step, self._summed_up = map(int, state["steps"])

    def fading(self, last: Tensor) -> Tensor:
        """What is left of first and second moments since the steps `last`, β1^{n−t} and β2^{n−t}: (rows, 2)."""
        return torch.exp((self.step - last).to(self._dtype).unsqueeze(1) * self._log_betas)

    def decay(self, last: Tensor) -> Tensor:
        """D_n/D_t since the steps `last`: (rows, 1)."""
        return torch.exp(self._log_decay[self.step] - self._log_decay[last]).to(self._dtype).unsqueeze(1)

    def drift(self, last: Tensor, first_moment: Tensor, root: Tensor, *, many: bool) -> Tensor:
        """How far rows moved since their steps `last` (rows,), from m and √v at those steps: (rows, width).

        `many`: rows are read at this step again and again, as in scoring.
        """
        series = self._series.index_select(0, last)
        below = torch.addcmul(self._epsilon, root, series[:, :1]).reciprocal_()
        ratio = root * below
        total = series[:, -1:]
        for place in range(series.shape[1] - 2, 0, -1):
            total = torch.addcmul(series[:, place : place + 1], total, ratio)
        moved = below.mul_(total).mul_(first_moment)
        if self.adam.weight_decay:
            moved *= self.decay(torch.clamp(last + self.window, max=self.step))
        early = ((last > 0) & (last < min(self.early, self.step))).nonzero().squeeze(1)
        if len(early):
            self._add_early(moved, early, last[early], first_moment, root, many)
        return moved

    def _add_early(
        self, moved: Tensor, rows: Tensor, last: Tensor, first_moment: Tensor, root: Tensor, many: bool
    ) -> None:
        """Add up the terms of rows that were last touched in the first steps."""
        if self.step < self.early + self.window:
            if many:
                self._sum_up_open_windows()
            else:
                rows, last = self._add_open(moved, rows, last, first_moment, root)
        weights, nodes = self._quadratures
        if self.adam.weight_decay:
            ends = torch.arange(self.early, device=self._device) + self.window
            weights = weights * self.decay(torch.clamp(ends, max=self.step))
        self._add_terms(moved, rows, last, weights, nodes, first_moment, root)

    def _add_open(
        self, moved: Tensor, rows: Tensor, last: Tensor, first_moment: Tensor, root: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add up every term of rows whose windows are open; the other rows and their last steps are left to do."""
        idle, low = self.step - last, 0
        for high in (*(band for band in _BANDS if band < self.window), self.window):
            band = ((idle > low) & (idle <= high)).nonzero().squeeze(1)
            if len(band):
                distinct, place = torch.unique(last[band], return_inverse=True)
                terms = self._terms(distinct.cpu().numpy(), min(high, self.step))
                weights, nodes = (torch.from_numpy(part).to(self._device) for part in terms)
                self._add_terms(moved, rows[band], place, weights, nodes, first_moment, root)
            low = high
        closed = (idle > self.window).nonzero().squeeze(1)
        return rows[closed], last[closed]

    def _sum_up_open_windows(self) -> None:
        """Quadratures of the terms so far, for scoring many rows at one step; closing a window replaces its own."""
        if self._summed_up != self.step:
            for last in range(max(1, self.step - self.window), min(self.early, self.step)):
                self._sum_up(last, self.step - last)
            self._summed_up = self.step

    def _sum_up(self, last: int, count: int) -> None:
        weights, nodes = self._terms(np.array([last]), count)
        self._quadratures[:, last] = torch.from_numpy(gauss(weights[0], nodes[0], _NODES))

    def _terms(self, last: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """w and u of the steps after each of `last`, float64 (rows, count); w is 0 for steps yet to come."""
        beta1, beta2 = self.adam.beta1, self.adam.beta2
        steps = np.arange(1, self.step + count + 1)  # both factor into a part of the step and one of the idle steps
        taken = self._known[1 : self.step + 1]
        of_step = np.zeros(len(steps))
        of_step[: self.step] = taken[:, 0] / (1 - beta1 ** steps[: self.step]) * np.exp(taken[-1, 1] - taken[:, 1])
        idle = np.arange(1, count + 1)
        place = last[:, None] + idle - 1
        return of_step[place] * beta1**idle, (1 / np.sqrt(1 - beta2**steps))[place] * beta2 ** (idle / 2)

    def _add_terms(
        self,
        moved: Tensor,
        rows: Tensor,
        place: Tensor,
        weights: Tensor,
        nodes: Tensor,
        first_moment: Tensor,
        root: Tensor,
    ) -> None:
        """Add Σ w m/(√v u + ε) to these rows, with the w and u that stand at each row's place in the two tables."""
        at_once = max(1, _ELEMENTS_AT_ONCE // (root.shape[1] * nodes.shape[1]))
        weights, nodes = weights.to(self._dtype), nodes.to(self._dtype)
        for some, at in zip(rows.split(at_once), place.split(at_once), strict=True):
            below = torch.addcmul(self._epsilon, root[some].unsqueeze(2), nodes[at].unsqueeze(1))
            moved[some] += weights[at].unsqueeze(1).div(below).sum(2).mul_(first_moment[some])


def gauss(weights: np.ndarray, nodes: np.ndarray, count: int) -> np.ndarray:
    """Weights and nodes, float64 (2, count), that sum polynomials up to degree 2·count − 1 as the given ones do.

    Golub & Welsch (1969), the tridiagonal matrix by Lanczos' recurrence with full reorthogonalisation.
    """
    mass = weights.sum()
    if mass == 0:
        return np.stack([np.zeros(count), np.ones(count)])
    basis = [np.sqrt(weights / mass)]
    diagonal, beside = [], []
    for _ in range(count):
        image = nodes * basis[-1]
        diagonal.append(basis[-1] @ image)
        for _ in range(2):
            for vector in basis:
                image = image - (vector @ image) * vector
        beside.append(np.linalg.norm(image))
        if beside[-1] < 1e-13 * abs(diagonal[0]):
            break
        basis.append(image / beside[-1])
    size = len(diagonal)
    found, vectors = np.linalg.eigh(
        np.diag(diagonal) + np.diag(beside[: size - 1], 1) + np.diag(beside[: size - 1], -1)
    )
    quadrature = np.stack([np.zeros(count), np.ones(count)])
    quadrature[:, :size] = mass * vectors[0] ** 2, found
    return quadrature
