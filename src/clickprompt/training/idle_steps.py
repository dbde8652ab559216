"""What AdamW does to a row over steps in which it has no gradient, in closed form.

Over steps t+1..n without gradient a row's moments only shrink, and its weights move by

    p_n = (D_n/D_t) p_t − Σ_{s=t+1..n} w_s m_t / (√v_t u_s + ε),
    w_s = lr_s β1^{s−t} / (1 − β1^s) · D_n/D_s,   u_s = β2^{(s−t)/2} / √(1 − β2^s),   D_n = Π_{s≤n} (1 − lr_s λ).

w and u depend on t and n alone, so the sum is a function of √v_t with a few numbers for each t. Terms beyond the last
W = ln(10⁻¹⁴)/ln(β1/√β2) steps do not count. Written about a centre u0, with y = √v/(√v u0 + ε),

    Σ_s w_s/(√v u_s + ε) = 1/(√v u0 + ε) · Σ_j M_j y^j,   M_j = Σ_s w_s (u0 − u_s)^j,

which converges fast once u hardly changes within W steps. Before that (t below `EARLY`/(1 − β2)) the terms are added
up one by one while the row's window is open, and by a Gauss quadrature of the same terms once it has closed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

EARLY = 0.3
"""Steps · (1 − β2) before which the series does not serve."""
_MOMENTS = {torch.float64: 8, torch.float32: 5}
"""Terms of the series that are worth their time in each precision."""
_NODES = 16
"""Of a closed window's quadrature."""
_BANDS = (8, 64)
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
        self.adam = adam
        self.step = 0
        self.early = round(EARLY / (1 - adam.beta2))
        self.window = math.ceil(math.log(1e-14) / math.log(adam.beta1 / math.sqrt(adam.beta2)))
        idle = np.arange(self.window, 0, -1)
        self._powers = adam.beta1**idle, adam.beta2 ** (idle / 2)
        self._epsilon = torch.tensor(adam.epsilon, dtype=dtype, device=device)
        self._log_betas = torch.tensor([math.log(adam.beta1), math.log(adam.beta2)], dtype=dtype, device=device)
        # lr, log D, u0 and M_0.. by step: kept on the host in full precision, read on the device in the table's
        self._known = np.zeros((1024, 3 + _MOMENTS[dtype]))
        self._known[0, 2] = 1.0  # step 0: rows never touched, whose moments are zero
        self._device, self._dtype = device, dtype
        self._series = torch.from_numpy(self._known[:, 2:]).to(device, dtype, copy=True)
        self._quadratures = torch.zeros(2, self.early, _NODES, dtype=torch.float64, device=device)
        self._quadratures[1] = 1.0

    def advance(self, rate: float) -> None:
        """One more step, at this learning rate."""
        self.step += 1
        n, adam = self.step, self.adam
        if n == len(self._known):
            self._known = np.concatenate([self._known, np.zeros_like(self._known)])
            self._series = torch.cat([self._series, torch.zeros_like(self._series)])
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
        closed = n - self.window
        if 0 < closed < self.early:
            weights, nodes = self._terms(np.array([closed]), self.window)
            self._quadratures[:, closed] = torch.from_numpy(gauss(weights[0], nodes[0], _NODES))

    def fading(self, last: Tensor) -> Tensor:
        """What is left of first and second moments since the steps `last`, β1^{n−t} and β2^{n−t}: (rows, 2)."""
        return torch.exp((self.step - last).to(self._dtype).unsqueeze(1) * self._log_betas)

    def decay(self, last: Tensor) -> Tensor:
        """D_n/D_t since the steps `last`: (rows, 1)."""
        logarithm = torch.from_numpy(self._known[self.step, 1] - self._known[: self.step + 1, 1]).to(self._device)
        return torch.exp(logarithm)[last].to(self._dtype).unsqueeze(1)

    def drift(self, last: Tensor, first_moment: Tensor, root: Tensor) -> Tensor:
        """How far rows moved since their steps `last` (rows,), from m and √v at those steps: (rows, width)."""
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
            self._add_early(moved, early, last[early], first_moment, root)
        return moved

    def _add_early(self, moved: Tensor, rows: Tensor, last: Tensor, first_moment: Tensor, root: Tensor) -> None:
        """Add up the terms of rows that were last touched in the first steps."""
        if self.step < self.early + self.window:
            idle, low = self.step - last, 0
            for high in (*_BANDS, self.window):
                band = ((idle > low) & (idle <= high)).nonzero().squeeze(1)
                terms = self._terms(last[band].cpu().numpy(), min(high, self.step))
                weights, nodes = (torch.from_numpy(part).to(self._device) for part in terms)
                self._add_terms(moved, rows[band], weights, nodes, first_moment, root)
                low = high
            closed = (idle > self.window).nonzero().squeeze(1)
            rows, last = rows[closed], last[closed]
        weights, nodes = self._quadratures[:, last]
        if self.adam.weight_decay:
            weights = weights * self.decay(last + self.window)
        self._add_terms(moved, rows, weights, nodes, first_moment, root)

    def _terms(self, last: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """w and u of the steps after each of `last`, float64 (rows, count); w is 0 for steps yet to come."""
        adam = self.adam
        idle = np.arange(1, count + 1)
        step = last[:, None] + idle
        known = np.minimum(step, self.step)
        decay = np.exp(self._known[self.step, 1] - self._known[known, 1])
        weights = self._known[known, 0] * adam.beta1**idle / (1 - adam.beta1**known) * decay
        nodes = adam.beta2 ** (idle / 2) / np.sqrt(1 - adam.beta2**known)
        return np.where(step <= self.step, weights, 0.0), nodes

    def _add_terms(
        self, moved: Tensor, rows: Tensor, weights: Tensor, nodes: Tensor, first_moment: Tensor, root: Tensor
    ) -> None:
        at_once = max(1, _ELEMENTS_AT_ONCE // (root.shape[1] * max(1, nodes.shape[1])))
        weights, nodes = weights.to(self._dtype).unsqueeze(1), nodes.to(self._dtype).unsqueeze(1)
        for some, w, u in zip(rows.split(at_once), weights.split(at_once), nodes.split(at_once), strict=True):
            below = torch.addcmul(self._epsilon, root[some].unsqueeze(2), u)
            moved[some] += w.div(below).sum(2).mul_(first_moment[some])


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
