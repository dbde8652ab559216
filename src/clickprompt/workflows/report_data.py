"""What a run's report says, gathered from the run."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from clickprompt import __version__
from clickprompt.contracts import SPLITS
from clickprompt.table import left_out, score_text
from clickprompt.text import sentence_of
from clickprompt.training import choose_device
from clickprompt.workflows.data import Data
from clickprompt.workflows.evaluate import test_logits, test_probabilities
from clickprompt.workflows.negatives import negatives_told
from clickprompt.workflows.recipe import Recipe, dump_recipe
from clickprompt.workflows.report import (
    Comparison,
    DataSummary,
    FieldSummary,
    ModelScores,
    ReportData,
    SplitSummary,
)
from clickprompt.workflows.runs import RunFolder

_EXAMPLES = 3


def gather(
    recipe: Recipe,
    folder: RunFolder,
    data: Data,
    records: list[dict[str, Any]],
    comparisons: list[dict[str, Any]],
    history: list[dict[str, Any]],
) -> ReportData:
    """Everything `write_report` needs."""
    test = data.table.split("test")
    labels = np.asarray(test.labels)
    return ReportData(
        title=f"{recipe.method.kind} with {recipe.ctr_model.kind} on {recipe.data.source.kind}",
        recipe=dump_recipe(recipe),
        data=summary(data),
        history=history,
        results=records,
        comparisons=[
            Comparison(
                model=compared["model"],
                base=compared["base"],
                auc_difference=compared["auc_difference"],
                relative_improvement=compared["relative_improvement"],
                delong_p_value=compared["delong_p"],
                bootstrap_low=compared["bootstrap_interval"][0] if "bootstrap_interval" in compared else None,
                bootstrap_high=compared["bootstrap_interval"][1] if "bootstrap_interval" in compared else None,
                bootstrap_p_value=compared.get("bootstrap_p"),
                seed=recipe.seed,
            )
            for compared in comparisons
        ],
        scores=[
            ModelScores(
                record["model"],
                labels,
                test_probabilities(folder, record["model"]),
                logits=test_logits(folder, record["model"]),
                weights=test.weights,
                calibrator=_calibrator(record["calibration"]),
            )
            for record in records
        ],
        environment=environment(recipe),
    )


def _calibrator(calibration: dict[str, Any] | None) -> str | None:
    """What a model's probabilities went through, in words."""
    if calibration is None:
        return None
    shift = calibration.get("shift")
    return str(calibration["calibrator"]) if shift is None else f"logits shifted by {shift:+.4f}"


def summary(data: Data) -> DataSummary:
    """Sizes of splits and fields, and a few rows as sentences."""
    counts = data.table.manifest
    return DataSummary(
        splits=[
            SplitSummary(name, counts["splits"][name]["rows"], counts["splits"][name]["positives"]) for name in SPLITS
        ],
        fields=[
            FieldSummary(
                name=field.name,
                kind=field.kind,
                side=field.side,
                vocabulary=about["embedding_rows"],
                distinct=about["distinct_values"],
                unseen_validation=about["share_outside_vocabulary"]["validation"],
                unseen_test=about["share_outside_vocabulary"]["test"],
                note=_note(about),
                scored_as="" if field.score_as is None else score_text(field),
            )
            for field in data.table.schema.fields
            for about in [counts["fields"][field.name]]
        ],
        sentences=example_sentences(data),
        left_out=left_out(counts),
        down_sampled=negatives_told(data.table),
        hints=counts.get("checks", {}).get("hints", []),
    )


def _note(about: dict[str, Any]) -> str:
    """How long a field's lists are, and how many texts share a hashed row."""
    notes = []
    if "mean_length" in about:
        notes.append(f"{about['mean_length']:.1f} items a row")
    if "texts_per_row" in about:
        notes.append(f"{about['texts_per_row']:.1f} texts a hash")
    return ", ".join(notes)


def example_sentences(data: Data) -> list[str]:
    """The first training rows in words."""
    texts, _ = data.table.value_texts
    rows = data.table.split("train").value_ids[:_EXAMPLES]
    return [sentence_of([texts[int(value)].as_py() for value in row], data.table.schema) for row in rows]


def environment(recipe: Recipe) -> dict[str, str]:
    """Versions and machine."""
    device = choose_device(recipe.device)
    return {
        "clickprompt": __version__,
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
