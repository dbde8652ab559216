"""A whole run: prepare, pretrain, finetune each model, evaluate, report. Steps already done are passed over."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from clickprompt.contracts import Progress
from clickprompt.storage import write_file
from clickprompt.workflows.data import Data, prepare
from clickprompt.workflows.evaluate import compare, evaluate
from clickprompt.workflows.finetune import finetune
from clickprompt.workflows.pretrain import STEP as PRETRAINED
from clickprompt.workflows.pretrain import pretrain, pretraining_inputs
from clickprompt.workflows.recipe import Recipe, dump_recipe
from clickprompt.workflows.report import write_report
from clickprompt.workflows.report_data import gather
from clickprompt.workflows.runs import RunFolder
from clickprompt.workflows.tuning import check_tuning


def run(recipe: Recipe, folder: RunFolder, progress: Progress) -> list[dict[str, Any]]:
    """Do everything the recipe asks for; return the records of `metrics.json`."""
    if not folder.prepared.exists():  # what cannot be trained is told before the long work
        if recipe.pretrains:
            check_tuning(recipe, recipe.pretraining)
        if any(map(recipe.tunes_words, recipe.trained_models)):
            check_tuning(recipe, recipe.finetune_with_language_model)
    data = prepare(recipe, folder.prepared, progress)
    if recipe.pretrains:
        pretrain(recipe, folder, data, progress)
    for model in recipe.trained_models:
        finetune(recipe, model, folder, data, progress)
    return conclude(recipe, folder, data, progress)


def conclude(recipe: Recipe, folder: RunFolder, data: Data, progress: Progress) -> list[dict[str, Any]]:
    """Evaluate the trained models; write recipe.yaml, metrics.json, comparisons.json, history.csv, report.html."""
    records = evaluate(recipe, folder, data, progress)
    comparisons = compare(recipe, folder, data, records)
    history = history_of(recipe, folder, data)
    write_file(folder.path / "recipe.yaml", dump_recipe(recipe))
    write_file(folder.path / "metrics.json", json.dumps(records, indent=2) + "\n")
    write_file(folder.path / "comparisons.json", json.dumps(comparisons, indent=2) + "\n")
    write_file(folder.path / "history.csv", _csv(history))
    write_report(folder.path / "report.html", gather(recipe, folder, data, records, comparisons, history))
    return records


def history_of(recipe: Recipe, folder: RunFolder, data: Data) -> list[dict[str, Any]]:
    """The learning curves of every step of this run; of pretraining only where the models started from it."""
    pretrained: list[dict[str, Any]] = []
    if recipe.pretrains and folder.done(PRETRAINED, pretraining_inputs(recipe, data)) is not None:
        about = {"model": recipe.method.kind, "phase": "pretrain"}
        pretrained = [about | record for record in folder.step_history(PRETRAINED)]
    finetuned = [
        {"model": model, "phase": "finetune"} | record
        for model in recipe.trained_models
        for record in folder.step_history(model)
    ]
    return pretrained + finetuned


def _csv(records: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()
