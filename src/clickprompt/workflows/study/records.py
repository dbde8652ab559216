"""Result rows: one for each cell and slice, one for each trial."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from clickprompt.settings import first_line
from clickprompt.storage import write_file
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.study.needs import name_of
from clickprompt.workflows.study.plan import Combination

_TEXT, _WHOLE, _NUMBER = "String", "Int64", "Float64"
COLUMNS = {
    "study": _TEXT,
    "table": _WHOLE,
    "data_set": _TEXT,
    "method": _TEXT,
    "model": _TEXT,
    "ctr_model": _TEXT,
    "language_model": _TEXT,
    "seed": _WHOLE,
    "phase": _TEXT,
    "trial": _WHOLE,
    "settings": _TEXT,
    "slice": _TEXT,
    "status": _TEXT,
    "error": _TEXT,
    "rows": _WHOLE,
    "positives": _WHOLE,
    "auc": _NUMBER,
    "log_loss": _NUMBER,
    "grouped_auc": _NUMBER,
    "calibration_ratio": _NUMBER,
    "expected_calibration_error": _NUMBER,
    "validation_auc": _NUMBER,
    "pretrain_rows": _TEXT,
    "pretrain_seconds": _NUMBER,
    "train_seconds": _NUMBER,
    "parameters": _WHOLE,
    "bundle_bytes": _WHOLE,
    "run": _TEXT,
}
"""Columns of results.parquet and their polars types."""
_OF_A_SLICE = ("rows", "positives", "auc", "log_loss")

Row = dict[str, Any]


def test_rows(about: Row, record: dict[str, Any]) -> list[Row]:
    """Rows of a finished cell: all test rows, then each slice."""
    whole = _row({**record, **about, "phase": "test", "slice": "all", "status": "done"})
    parts = [
        _row({**about, **{name: part[name] for name in _OF_A_SLICE}, "phase": "test", "slice": part["name"]})
        | {"status": "done"}
        for part in record["slices"]
    ]
    return [whole, *parts]


def trial_row(about: Row, state: dict[str, Any]) -> Row:
    """The row of a finished trial: what validation said of it."""
    return _row({**state, **about, "phase": "trial", "slice": "all", "status": "done"})


def failed_row(about: Row, phase: str, error: BaseException) -> Row:
    """The row of a cell or trial that could not be had."""
    return _row({**about, "phase": phase, "slice": "all", "status": "failed", "error": first_line(error)})


def about(combination: Combination, recipe: Recipe, trial: int) -> Row:
    """What a row says of where it belongs."""
    return {
        "data_set": combination.data_set,
        "method": combination.method,
        "model": combination.model,
        "ctr_model": combination.ctr_model,
        "language_model": combination.language_model,
        "seed": recipe.seed,
        "trial": trial,
        "settings": json.dumps(combination.settings[trial]),
        "pretrain_rows": recipe.pretraining.rows if recipe.pretrains else None,
        "run": name_of(recipe),
    }


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write results.parquet, whole or not at all."""
    import polars as pl

    frame = pl.DataFrame(rows, schema={name: getattr(pl, kind) for name, kind in COLUMNS.items()}, orient="row")
    content = io.BytesIO()
    frame.write_parquet(content)
    write_file(path, content.getvalue())


def _row(values: dict[str, Any]) -> Row:
    return {name: values.get(name) for name in COLUMNS}
