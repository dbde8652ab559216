"""Our side of `ctr_quality.py`: the rows for both sides, and one model with one seed by the library's own steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clickprompt import __version__
from clickprompt.contracts import SPLITS
from clickprompt.workflows import Recipe, RunFolder, SilentProgress, evaluate, finetune, parse_recipe, prepare
from quality_sizes import BATCH_SIZE, EMBEDDING_DIM, EPOCHS, LEARNING_RATE, OURS

PEERS_NAMES = {"train": "train", "validation": "valid", "test": "test"}


def recipe_of(data: Path, order: str, kind: str, seed: int) -> Recipe:
    """The plain ID model: no OOV dropout, for the peers have none; validated at each epoch's end, never stopped."""
    return parse_recipe(
        {
            "data": {"source": {"kind": "movielens-1m", "path": str(data)}, "split": {"order": order}},
            "ctr_model": {"kind": kind, "embedding_dim": EMBEDDING_DIM, **OURS[kind]},
            "finetune": {
                "epochs": EPOCHS,
                "batch_size": BATCH_SIZE,
                "ctr_learning_rate": LEARNING_RATE,
                "oov_dropout": 0.0,
                "evaluations_per_epoch": 1,
                "early_stopping": None,
            },
            "models": ["id-only"],
            "seed": seed,
            "device": "cpu",
        }
    )


def write_rows(data: Path, order: str, out: Path) -> Path:
    """Prepare the data once and write what the peers read: an index within each field, its OOV value the last."""
    folder = out / f"rows-{order}"
    table = prepare(recipe_of(data, order, "dnn", 0), out / f"prepared-{order}", SilentProgress()).table
    if (folder / "vocabulary.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    offsets = table.statistics.offsets
    fields = len(offsets) - 1
    for split in SPLITS:
        rows = table.split(split)
        indices = table.embedding_rows[rows.value_ids].astype(np.int64)
        known = indices < offsets[-1]
        within = np.where(known, indices - offsets[:-1], np.diff(offsets))
        columns = {f"f{field}": within[:, field] for field in range(fields)}
        np.savez(folder / f"{PEERS_NAMES[split]}.npz", **columns, label=np.asarray(rows.labels, dtype=np.int64))
    (folder / "vocabulary.json").write_text(json.dumps([int(size) + 1 for size in np.diff(offsets)]))
    return folder


def train_ours(data: Path, order: str, out: Path, kind: str, seed: int) -> dict[str, Any]:
    """Finetune and evaluate, as `clickprompt run` does."""
    recipe = recipe_of(data, order, kind, seed)
    run = RunFolder(out / "runs" / f"{order}-{kind}-{seed}", out / f"prepared-{order}")
    prepared = prepare(recipe, run.prepared, SilentProgress())
    finetune(recipe, "id-only", run, prepared, SilentProgress())
    (record,) = evaluate(recipe, run, prepared, SilentProgress())
    return {
        "test_auc": record["auc"],
        "test_log_loss": record["log_loss"],
        "validation_auc": record["validation_auc"],
        "train_seconds": record["train_seconds"],
        "parameters": record["parameters"],
        "versions": {"clickprompt": __version__, "torch": torch.__version__},
    }
