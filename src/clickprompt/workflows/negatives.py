"""What down-sampling of rows without a click asks of a model that learned from the rest."""

from __future__ import annotations

from typing import Any

from clickprompt.calibration import sampling_shift
from clickprompt.table import PreparedTable
from clickprompt.table.config import NegativesConfig


def shift_of(negatives: NegativesConfig) -> float:
    """What is added to logits wherever a probability leaves; 0 where all rows are kept, or those kept weigh more."""
    return sampling_shift(negatives.keep) if negatives.correction == "logit" and negatives.keep < 1 else 0.0


def negatives_of(table: PreparedTable) -> NegativesConfig:
    """How the training rows of a prepared folder were down-sampled."""
    record: dict[str, Any] = table.manifest.get("negatives") or {}
    return NegativesConfig.model_validate({name: record[name] for name in ("keep", "correction") if name in record})


def negatives_told(table: PreparedTable) -> str:
    """One line for people; "" where all rows are kept."""
    negatives = negatives_of(table)
    if negatives.keep == 1:
        return ""
    dropped = table.manifest["negatives"]["dropped"]
    how = f"in the loss each of those kept counts {1 / negatives.keep:g} times"
    if negatives.correction == "logit":
        how = f"logits are shifted by {shift_of(negatives):+.4f} when scoring"
    return f"{dropped:,} training rows without a click left out, {100 * negatives.keep:.4g} % kept; {how}"
