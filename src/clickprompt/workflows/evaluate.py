"""Evaluation: test rows, read once for each trained model, and the measures made of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from clickprompt.bundle import load_bundle
from clickprompt.calibration import CALIBRATION_FILE
from clickprompt.contracts import Progress
from clickprompt.evaluation import bootstrap_over_groups, delong_test, evaluate_scores, probabilities_of
from clickprompt.language import LanguageModelConfig
from clickprompt.settings import ClickPromptError
from clickprompt.storage import sha256_of
from clickprompt.training import choose_device
from clickprompt.workflows.data import Data
from clickprompt.workflows.finetune import finetuned, finetuning_config
from clickprompt.workflows.recipe import ModelName, Recipe
from clickprompt.workflows.runs import RunFolder, inputs_of
from clickprompt.workflows.scoring import score_rows
from clickprompt.workflows.slices import slices_of

BASE: ModelName = "id-only"
"""What the others are compared with."""
_OF_TRAINING = ("validation_auc", "train_seconds", "pretrain_seconds", "parameters", "calibration")
_CALIBRATED = "calibrated_logits.npy"


def evaluate(recipe: Recipe, run: RunFolder, data: Data, progress: Progress) -> list[dict[str, Any]]:
    """One record for each trained model: measures on test rows, slices, sizes, seconds.

    Raises ClickPromptError where a model of the recipe has not been trained with these inputs.
    """
    return [_record(recipe, model, run, data, progress) for model in recipe.trained_models]


def compare(
    recipe: Recipe, run: RunFolder, data: Data, records: list[dict[str, Any]], samples: int = 1000
) -> list[dict[str, Any]]:
    """Each model against the plain ID model on the same test rows: AUC improvement, DeLong, bootstrap over users."""
    test = {record["model"]: record for record in records}
    if BASE not in test:
        return []
    labels = np.asarray(data.table.split("test").labels)
    groups = groups_of(data)
    base = test_logits(run, BASE)
    compared = []
    for model, record in test.items():
        if model == BASE:
            continue
        logits = test_logits(run, model)
        delong = delong_test(labels, logits, base)
        comparison = {
            "model": model,
            "base": BASE,
            "auc_difference": delong.difference,
            "relative_improvement": delong.difference / test[BASE]["auc"],
            "delong_p": delong.p_value,
            "delong_interval": [delong.low, delong.high],
            "log_loss_difference": record["log_loss"] - test[BASE]["log_loss"],
        }
        if groups is not None and len(np.unique(groups)) > 1:
            bootstrap = bootstrap_over_groups(labels, logits, base, groups, samples=samples)
            comparison["bootstrap_interval"] = [bootstrap.low, bootstrap.high]
            comparison["bootstrap_p"] = bootstrap.p_value
            comparison["bootstrap_groups"] = bootstrap.groups
        compared.append(comparison)
    return compared


def test_logits(run: RunFolder, model: str) -> np.ndarray:
    """Logits of the test rows as the model gave them, float32 (rows,)."""
    return np.load(run.step(f"evaluate-{model}") / "logits.npy")


def test_probabilities(run: RunFolder, model: str) -> np.ndarray:
    """Probabilities of the test rows, calibrated where the model is, float64 (rows,)."""
    calibrated = run.step(f"evaluate-{model}") / _CALIBRATED
    return probabilities_of(np.load(calibrated) if calibrated.exists() else test_logits(run, model))


def _record(recipe: Recipe, model: ModelName, run: RunFolder, data: Data, progress: Progress) -> dict[str, Any]:
    trained = finetuned(recipe, model, run, data)
    if trained is None:
        raise ClickPromptError(
            f"{run.path}: {model} has not been trained with these settings; run `clickprompt finetune`"
        )
    scoring = {
        name: sha256_of(path)
        for name in ("weights.safetensors", CALIBRATION_FILE)
        if (path := run.bundle(model) / name).exists()
    }
    inputs = inputs_of(
        bundle=scoring,
        data=data.fingerprint,
        language=_reading(recipe, model),
        evaluation=recipe.evaluation.model_dump(mode="json"),
    )
    known = run.done(f"evaluate-{model}", inputs)
    if known is None:
        known = _measure(recipe, model, run, data, progress, inputs)
    return {
        "model": model,
        "split": "test",
        **known,
        "seed": recipe.seed,
        "pretrain_rows": recipe.pretraining.rows if recipe.starts_pretrained(model) else None,
        **{name: trained[name] for name in _OF_TRAINING},
        "bundle_bytes": sum(file.stat().st_size for file in run.bundle(model).rglob("*") if file.is_file()),
    }


def _measure(
    recipe: Recipe, model: ModelName, run: RunFolder, data: Data, progress: Progress, inputs: str
) -> dict[str, Any]:
    bundle = load_bundle(run.bundle(model))
    device = choose_device(recipe.device)
    reader = data.reader(["test"], reads=recipe.reads(model), scoring=True)
    report = progress.start(f"score test rows with {model}", len(reader), "rows")
    started = time.perf_counter()
    precision = finetuning_config(recipe, model).precision
    logits = score_rows(bundle.method.to(device), reader, device, precision, report)
    seconds = time.perf_counter() - started
    calibrated = None if bundle.calibrator is None else bundle.calibrator.logits(logits)
    measures = evaluate_scores(
        reader.labels,
        logits,
        groups=groups_of(data),
        weights=reader.weights,
        slices=slices_of(data.table, recipe.evaluation),
        calibrated_logits=calibrated,
    )
    result = {**measures.to_record(), "rows_per_second": len(reader) / seconds}
    with run.write_step(f"evaluate-{model}", inputs, result) as folder:
        np.save(folder / "logits.npy", logits)
        if calibrated is not None:
            np.save(folder / _CALIBRATED, calibrated)
    return result


def _reading(recipe: Recipe, model: ModelName) -> dict[str, Any] | None:
    """What else decides the logits of a model that reads words."""
    if recipe.reads(model) == "ids" or recipe.language_model is None:
        return None
    return recipe.language_model.model_dump(mode="json", exclude=set(LanguageModelConfig.of_training))


def groups_of(data: Data) -> np.ndarray | None:
    """The value index of each test row's user; None where the table names no group field."""
    schema = data.table.schema
    if schema.group_field is None:
        return None
    return np.asarray(data.table.split("test").value_ids[:, schema.names.index(schema.group_field)])
