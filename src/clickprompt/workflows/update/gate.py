"""Whether an updated bundle may take its parent's place, by rows that neither has learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from clickprompt.evaluation import calibration_ratio, delong_test, log_loss, probabilities_of
from clickprompt.table import Split
from clickprompt.workflows.update.config import GateConfig


@dataclass(frozen=True)
class Scores:
    """A bundle's answers to the held-out rows, as it would serve them."""

    logits: np.ndarray
    """(rows,), before calibration: what the AUC is of."""
    calibrated: np.ndarray
    """(rows,) logits of the probabilities that are served."""
    unseen: Mapping[str, float]
    """By field, the share of rows that hold a value without an embedding row."""


@dataclass(frozen=True)
class Check:
    """One line of the gate."""

    name: str
    old: float | None
    new: float | None
    limit: str
    """What was asked of the new bundle, in words and numbers."""
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """What the gate says."""

    outcome: Literal["passed", "failed", "undecided"]
    rows: int
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """Why it did not pass, in one line."""
        return "; ".join(f"{check.name}: {check.limit}" for check in self.checks if not check.passed)

    @property
    def record(self) -> dict[str, Any]:
        """For a bundle's provenance."""
        return {"outcome": self.outcome, "rows": self.rows, "checks": [asdict(check) for check in self.checks]}


def judge(rows: Split, old: Scores, new: Scores, config: GateConfig) -> Verdict:
    """Compare the new bundle with the old one on the same rows.

    AUC: the lower end of the 95 % interval of its difference (DeLong, paired) against −max_auc_drop. Log loss and Σp/Σy
    are of calibrated probabilities and by sample weight; rows of weight 0 are none of those that are needed. OOV: the
    field whose share rises most.
    """
    counted = rows.labels if rows.weights is None else rows.labels[rows.weights > 0]
    clicks, enough = int(counted.sum()), []
    for name, count, least in (
        ("held-out rows", len(counted), config.min_rows),
        ("held-out clicks", clicks, config.min_of_each),
        ("held-out rows without a click", len(counted) - clicks, config.min_of_each),
    ):
        enough.append(Check(name, None, float(count), f"{count:,}, {least:,} are needed", count >= least))
    finite = bool(np.isfinite(new.logits).all() and np.isfinite(new.calibrated).all())
    if not finite:
        share = float((~np.isfinite(new.logits)).mean())
        return Verdict("failed", len(rows), (Check("scores not finite", None, share, "none is allowed", False),))
    if not all(check.passed for check in enough):
        return Verdict("undecided", len(rows), tuple(check for check in enough if not check.passed))
    checks = (_auc(rows, old, new, config), *_fit(rows, old, new, config), _unseen(old, new, config))
    return Verdict("passed" if all(check.passed for check in checks) else "failed", len(rows), checks)


def _auc(rows: Split, old: Scores, new: Scores, config: GateConfig) -> Check:
    test = delong_test(rows.labels, new.logits, old.logits)
    limit = f"difference {test.difference:+.4f}, at least {test.low:+.4f}; allowed {-config.max_auc_drop:+.4f}"
    return Check("AUC", test.auc_b, test.auc_a, limit, test.low >= -config.max_auc_drop)


def _fit(rows: Split, old: Scores, new: Scores, config: GateConfig) -> tuple[Check, Check]:
    losses = [log_loss(rows.labels, of.calibrated, weights=rows.weights) for of in (old, new)]
    highest = losses[0] + config.max_log_loss_rise
    ratios = [
        calibration_ratio(rows.labels, probabilities_of(of.calibrated), weights=rows.weights) for of in (old, new)
    ]
    off = [abs(math.log(max(ratio, 1e-12))) for ratio in ratios]
    most = max(math.log1p(config.max_calibration_error), off[0])
    allowed = f"{math.exp(-most):.3f} to {math.exp(most):.3f} allowed"
    return (
        Check(
            "log loss", losses[0], losses[1], f"{losses[1]:.4f}; at most {highest:.4f} allowed", losses[1] <= highest
        ),
        Check("predicted/observed clicks", ratios[0], ratios[1], f"{ratios[1]:.3f}; {allowed}", off[1] <= most),
    )


def _unseen(old: Scores, new: Scores, config: GateConfig) -> Check:
    worst = max(new.unseen, key=lambda name: new.unseen[name] - old.unseen[name])
    before, after = old.unseen[worst], new.unseen[worst]
    limit = f"{after:.2%}; at most {before + config.max_oov_rise:.2%} allowed"
    return Check(f"OOV share, {worst}", before, after, limit, after - before <= config.max_oov_rise)
