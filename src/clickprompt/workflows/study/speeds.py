"""How fast steps of a kind have been in a folder of studies: what a plan's estimates are measured by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from clickprompt.storage import fingerprint, write_file
from clickprompt.training import TrainingConfig
from clickprompt.workflows.finetune import finetuning_config
from clickprompt.workflows.recipe import Recipe

StepName = Literal["pretrain", "finetune", "score"]
_CHANGES_NO_SPEED = {"epochs", "max_steps", "schedule", "warmup_ratio", "calibration"}


class Speeds:
    """Seconds a planned row by kind of step, kept in `speeds.json`; the latest counts.

    Rows are those planned: where training stops early, seconds a row are fewer.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "speeds.json"
        try:
            self._known: dict[str, float] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def note(self, step: StepName, recipe: Recipe, rows: int, seconds: float) -> None:
        """Remember a step that has just ended."""
        self._known[kind_of(step, recipe)] = seconds / max(rows, 1)
        write_file(self.path, json.dumps(self._known, indent=1, sort_keys=True) + "\n")

    def seconds(self, step: StepName, recipe: Recipe, rows: int) -> float | None:
        """What a step took before, by its rows; None where none of its kind has been done."""
        rate = self._known.get(kind_of(step, recipe))
        return None if rate is None else rate * rows


def kind_of(step: StepName, recipe: Recipe) -> str:
    """Equal where two steps do the same work a row: data, models, batch; not seed, rates or length."""
    (model,) = recipe.trained_models
    config: TrainingConfig = recipe.pretraining if step == "pretrain" else finetuning_config(recipe, model)
    words = step == "pretrain" or recipe.reads(model) != "ids"
    language = recipe.language_model if words else None
    settings: dict[str, Any] = {
        "step": step,
        "device": recipe.device,
        "source": recipe.data.source.model_dump(mode="json"),
        "method": (recipe.method if step == "pretrain" else recipe.served(model)).model_dump(mode="json"),
        "ctr_model": recipe.ctr_model.model_dump(mode="json"),
        "language_model": language and language.model_dump(mode="json", exclude={"permute_values"}),
        "training": {
            name: value
            for name, value in config.model_dump(mode="json").items()
            if name not in _CHANGES_NO_SPEED and not name.endswith("learning_rate")
        },
    }
    return fingerprint(settings)
