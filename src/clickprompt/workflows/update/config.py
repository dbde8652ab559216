"""Settings of an update and of the gate that it must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import yaml
from pydantic import Field as Setting
from pydantic import NonNegativeFloat, PositiveInt, ValidationError

from clickprompt.settings import ClickPromptError, Settings, explain
from clickprompt.table.bad_rows import OnBadRow


class GateConfig(Settings):
    """When an updated bundle may take its parent's place; both are measured on the same held-out rows."""

    min_rows: PositiveInt = 1_000
    """Held-out rows below which nothing is decided, and the parent stays."""
    min_of_each: PositiveInt = Setting(default=50, ge=2)
    """Likewise, held-out clicks, and held-out rows without a click."""
    max_auc_drop: NonNegativeFloat = 0.01
    """The lower end of the 95 % interval (DeLong) of AUC(new) − AUC(old) may lie so far below 0. The interval is wide
    where few rows are held out (some ±0.01 with 1,800): a smaller limit wants more of them."""
    max_log_loss_rise: NonNegativeFloat = 0.002
    """Log loss of calibrated probabilities may rise by so much."""
    max_calibration_error: NonNegativeFloat = 0.1
    """Clicks predicted for each click observed may be off by this share, or by as much as the parent's are."""
    max_oov_rise: NonNegativeFloat = 0.01
    """In no field may the share of rows that hold a value without an embedding row rise by more."""


class UpdateConfig(Settings):
    """How yesterday's bundle learns from today's rows."""

    epochs: PositiveInt = 1
    """Passes over today's training rows."""
    learning_rate: float | None = Setting(default=None, gt=0)
    """Of the ID model, its table where the recipe names no other; unset: as in the recipe that trained the bundle."""
    holdout: float = Setting(default=0.1, gt=0, lt=1)
    """Share of today's rows, the newest, that nothing learns from: the gate's. A bundle with a calibrator has as large
    a share of the others, the newest again, to fit it on."""
    drop_unseen: PositiveInt | None = None
    """Values that so many updates in a row have not seen lose their embedding row; unset: never."""
    new_rows: Literal["mean", "oov"] = "mean"
    """What embedding rows of new values start from: the mean of their field's, or its out-of-vocabulary row."""
    gate: GateConfig = GateConfig()
    """What the new bundle must pass."""
    check_resources: bool = True
    """Before training, refuse what surely does not fit into memory or onto the disk."""


class RowsConfig(Settings):
    """How today's rows are read where the bundle's recipe does not say, or says otherwise."""

    label: str | None = None
    """Column of the label."""
    threshold: float | None = None
    """Labels of at least this are clicks."""
    weight: str | None = None
    """Column of sample weights."""
    timestamp: str | None = None
    """Column that orders the rows in time."""
    on_bad_row: OnBadRow | None = None
    """What becomes of a row that cannot be used: it ends the update, is left out, or is left out and put aside in
    `.rows.quarantine/rows.jsonl`."""


def update_config(
    gate: Sequence[str],
    epochs: int,
    learning_rate: float | None,
    holdout: float,
    drop_unseen: int | None,
    new_rows: str = "mean",
    check_resources: bool = True,
) -> UpdateConfig:
    """Settings as the command line gives them; `gate` holds `key=value` texts, such as `max_auc_drop=0.01`."""
    limits: dict[str, Any] = {}
    for change in gate:
        name, equals, text = change.partition("=")
        if not equals or not name.strip():
            raise ClickPromptError(f"--gate {change}: expected key=value, such as --gate max_auc_drop=0.01")
        try:
            limits[name.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            limits[name.strip()] = text
    data: dict[str, Any] = {"epochs": epochs, "learning_rate": learning_rate, "holdout": holdout}
    data |= {"drop_unseen": drop_unseen, "new_rows": new_rows, "gate": limits, "check_resources": check_resources}
    try:
        return UpdateConfig.model_validate(data)
    except ValidationError as error:
        raise explain(error, "update", data, "update") from None


def rows_config(
    label: str | None, threshold: float | None, weight: str | None, timestamp: str | None, on_bad_row: str | None
) -> RowsConfig:
    """Settings as the command line gives them."""
    data = {"label": label, "threshold": threshold, "weight": weight, "timestamp": timestamp, "on_bad_row": on_bad_row}
    try:
        return RowsConfig.model_validate(data)
    except ValidationError as error:
        raise explain(error, "update", data, "update") from None
