"""Each model of a finished study beside its own untrained self and beside a constant: the training rows' click rate.

    python benchmarks/trained_or_not.py STUDY_FOLDER [--quick] [--json FILE]

STUDY_FOLDER is the folder of results that `clickprompt study` names, such as runs/studies/studies/table2. The untrained
self has the weights that the run's seed draws, with the language model's own pretrained ones; it scores the same test
rows. The first seed of each method stands for it; the trained figures are those of results.parquet. Ends with status 1
where a model does not beat both. `--quick`: its untrained self scores 300 rows.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clickprompt.evaluation import auc, log_loss
from clickprompt.training import choose_device
from clickprompt.workflows.build import new_method
from clickprompt.workflows.data import prepare
from clickprompt.workflows.finetune import finetuning_config
from clickprompt.workflows.progress import SilentProgress
from clickprompt.workflows.recipe import load_recipe
from clickprompt.workflows.scoring import score_rows
from clickprompt.workflows.study.out import OutFolder

QUICK_ROWS = 300


def first_seeds(folder: Path) -> list[dict[str, Any]]:
    """The first seed's whole-split record of each method."""
    results = pl.read_parquet(folder / "results.parquet").filter(
        (pl.col("phase") == "test") & (pl.col("slice") == "all") & (pl.col("status") == "done")
    )
    names = ["data_set", "method", "ctr_model", "language_model"]
    return results.sort("seed").unique(names, keep="first", maintain_order=True).to_dicts()


def out_of(folder: Path) -> OutFolder:
    """The folder that holds `runs/`, above a study's results."""
    for parent in folder.resolve().parents:
        if (parent / "runs").is_dir() and (parent / "prepared").is_dir():
            return OutFolder(parent)
    sys.exit(f"{folder}: no folder above it holds runs/ and prepared/; give a study's folder of results")


def compare(record: dict[str, Any], out: OutFolder, rows: int | None) -> dict[str, Any]:
    """AUC and log loss of the model, of its untrained self and of the constant."""
    started = time.perf_counter()
    recipe = load_recipe(out.path / "runs" / record["run"] / "recipe.yaml")
    data = prepare(recipe, out.prepared(recipe), SilentProgress())
    model = record["model"]
    method = new_method(recipe.served(model), recipe, data)
    reader = data.reader(["test"], reads=recipe.reads(model), scoring=True)
    if rows is not None:
        reader.value_ids, reader.labels = reader.value_ids[:rows], reader.labels[:rows]
    logits = score_rows(method, reader, choose_device("cpu"), finetuning_config(recipe, model).precision)
    labels = np.asarray(data.table.split("test").labels)
    clicks = np.asarray(data.table.split("train").labels).mean()
    constant = np.full(len(labels), np.log(clicks / (1 - clicks)))
    found = {
        "case": record["data_set"],
        "contender": " ".join(filter(None, (record["method"], record["ctr_model"]))),
        "auc": record["auc"],
        "log_loss": record["log_loss"],
        "untrained_auc": auc(reader.labels, logits),
        "untrained_log_loss": log_loss(reader.labels, logits),
        "constant_log_loss": log_loss(labels, constant),
        "seconds": time.perf_counter() - started,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    better = found["auc"] > max(0.5, found["untrained_auc"])
    return {
        **found,
        "beats_both": better and found["log_loss"] < min(found["untrained_log_loss"], found["constant_log_loss"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="STUDY_FOLDER", help="Results of a study.")
    parser.add_argument("--quick", action="store_true", help=f"Score {QUICK_ROWS} rows untrained.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write the records there.")
    options = parser.parse_args()
    out = out_of(options.folder)
    records = []
    print("| model | AUC | untrained | log loss | untrained | constant | beats both |\n|---|---|---|---|---|---|---|")
    for record in first_seeds(options.folder):
        found = compare(record, out, QUICK_ROWS if options.quick else None)
        records.append(found)
        numbers = ("auc", "untrained_auc", "log_loss", "untrained_log_loss", "constant_log_loss")
        texts = " | ".join(f"{found[name]:.4f}" for name in numbers)
        print(f"| {found['contender']} | {texts} | {'yes' if found['beats_both'] else 'NO'} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n")
    sys.exit(not all(record["beats_both"] for record in records))


if __name__ == "__main__":
    main()
