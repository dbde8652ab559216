"""A store of one version and the rows of days after it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks
from clickprompt.workflows import RunFolder, SilentProgress, finetune, parse_recipe, prepare
from clickprompt.workflows.update import GateConfig, UpdateConfig

OPEN = GateConfig(
    min_rows=1,
    min_of_each=2,
    max_auc_drop=9,
    max_log_loss_rise=9,
    max_calibration_error=99,
    max_oov_rise=1,
)
"""A gate that everything finite passes."""


def trained(sections: dict[str, Any], folder: Path, prepared: Path | None = None) -> Path:
    """Bundles of a recipe's models, without their evaluation and report."""
    recipe, run = parse_recipe(sections), RunFolder(folder, prepared)
    data = prepare(recipe, run.prepared, SilentProgress())
    for model in recipe.trained_models:
        finetune(recipe, model, run, data, SilentProgress())
    return folder / "bundles"


@pytest.fixture(scope="session")
def first_bundle(tmp_path_factory) -> Path:
    """Of the first 400 rows of a click log whose last 400 are `day.csv`, some users of the day new. Never changed."""
    folder = tmp_path_factory.mktemp("first")
    write_tiny_clicks(folder, rows=800)
    with (folder / "clicks.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    for row in rows[400::3]:
        row[0] = f"new{row[0]}"
    for name, some in (("clicks.csv", rows[:400]), ("day.csv", rows[400:])):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *some])
    recipe = {
        "data": tiny_data_config(folder),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": None,
        "method": {"kind": "id-only"},
        "finetune": {"epochs": 3, "batch_size": 32, "calibration": "platt", "ctr_learning_rate": 0.01},
    }
    return trained(recipe, folder / "run") / "id-only"


@pytest.fixture(scope="session")
def day(first_bundle) -> Path:
    """Rows of the day after."""
    return first_bundle.parents[2] / "day.csv"


@pytest.fixture
def store(first_bundle, tmp_path) -> Path:
    """A folder of one version."""
    return Path(shutil.copytree(first_bundle, tmp_path / "model" / "1")).parent


@pytest.fixture
def config() -> UpdateConfig:
    return UpdateConfig(gate=OPEN)


@pytest.fixture(scope="session")
def train():
    """Bundles of a recipe's models, without their evaluation and report."""
    return trained
