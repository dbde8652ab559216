"""Another calibrator for weights that are already trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clickprompt.bundle import load_bundle, replace_calibrator
from clickprompt.contracts import Progress
from clickprompt.training import FinetuneConfig, choose_device
from clickprompt.workflows.calibrate import calibration_of
from clickprompt.workflows.data import Data
from clickprompt.workflows.negatives import negatives_of, shift_of
from clickprompt.workflows.recipe import ModelName, Recipe, dump_recipe
from clickprompt.workflows.runs import RunFolder
from clickprompt.workflows.scoring import score_rows


def calibrated_as(provenance: Mapping[str, Any], trained: Mapping[str, Any]) -> str | None:
    """The kind of calibrator that both a bundle's provenance and its step say was asked for; None where they differ."""
    asked: str = "none" if trained["calibration"] is None else trained["calibration"]["asked"]
    return asked if provenance.get("calibration") == asked else None


def recalibrate(
    recipe: Recipe,
    model: ModelName,
    config: FinetuneConfig,
    run: RunFolder,
    data: Data,
    inputs: str,
    trained: dict[str, Any],
    progress: Progress,
) -> None:
    """Fit the calibrator that the recipe asks for, put it into the bundle, and say so in the step's summary.

    `trained` is that summary, made from `inputs`. Stopped half way, bundle and step differ, and this is done again.
    """
    rows = data.table.split("validation")
    calibration = calibration_of(
        config.calibration,
        np.asarray(rows.labels),
        lambda: _validation_logits(recipe, model, config, run, data, progress),
        rows.weights,
        shift_of(negatives_of(data.table)),
        recipe.seed,
        model,
        progress,
    )
    replace_calibrator(
        run.bundle(model),
        None if calibration is None else calibration.calibrator,
        {"calibration": config.calibration, "recipe": dump_recipe(recipe)},
    )
    summary = {**trained, "calibration": None if calibration is None else calibration.record}
    history = (run.step(model) / "history.json").read_bytes()
    with run.write_step(model, inputs, summary) as folder:
        (folder / "history.json").write_bytes(history)
    progress.say(f"finetune {model}: weights kept, calibration {config.calibration}, {run.bundle(model)}")


def _validation_logits(
    recipe: Recipe, model: ModelName, config: FinetuneConfig, run: RunFolder, data: Data, progress: Progress
) -> np.ndarray:
    device = choose_device(recipe.device)
    reader = data.reader(["validation"], reads=recipe.reads(model), scoring=True)
    report = progress.start(f"score validation rows with {model}", len(reader), "rows")
    method = load_bundle(run.bundle(model)).method.to(device)
    return score_rows(method, reader, device, config.precision, report, config.micro_batch_size)
