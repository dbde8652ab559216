"""A bundle's calibrator as part of an exported graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clickprompt.calibration import Calibrator, IsotonicCalibrator


class LogisticCurve(nn.Module):
    """p = σ(slope·z + intercept): Platt's line, or with slope 1 and intercept 0 no calibrator at all."""

    def __init__(self, slope: float = 1.0, intercept: float = 0.0) -> None:
        super().__init__()
        self.slope, self.intercept = slope, intercept

    def forward(self, logits: Tensor) -> Tensor:
        """Logits float32 (rows,) → probabilities float32 (rows,)."""
        return torch.sigmoid(logits if (self.slope, self.intercept) == (1, 0) else self.slope * logits + self.intercept)


class PiecewiseLinearCurve(nn.Module):
    """p is linear between (threshold, value) points and constant outside them, in float64 as NumPy's `interp`.

    The piece of a logit is found by counting the thresholds at or below it.
    """

    def __init__(self, calibrator: IsotonicCalibrator) -> None:
        super().__init__()
        self.register_buffer("thresholds", torch.tensor(calibrator.thresholds, dtype=torch.float64))
        self.register_buffer("values", torch.tensor(calibrator.values, dtype=torch.float64))

    thresholds: Tensor
    values: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        """Logits float32 (rows,) → probabilities float32 (rows,)."""
        z = logits.double().clamp(min=self.thresholds[0], max=self.thresholds[-1])
        inner = self.thresholds[1:-1]
        piece = (z.unsqueeze(1) >= inner).sum(1)
        start, rise = self.thresholds[:-1], self.values.diff() / self.thresholds.diff()
        return (self.values[piece] + rise[piece] * (z - start[piece])).float()


def curve_of(calibrator: Calibrator | None) -> nn.Module:
    """What turns logits into the probabilities that the bundle's `Predictor` gives."""
    if isinstance(calibrator, IsotonicCalibrator):
        return PiecewiseLinearCurve(calibrator)
    return LogisticCurve() if calibrator is None else LogisticCurve(calibrator.slope, calibrator.intercept)
