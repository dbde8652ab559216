"""Down-sampling of training rows without a click: what each correction makes of probabilities, and what it costs.

python benchmarks/negatives.py --data ../shared/data/ml-1m-half --out runs/negatives --seeds 1 2
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import numpy as np

from clickprompt.evaluation import Measures, evaluate_scores
from clickprompt.workflows import RunFolder, finetune, parse_recipe, prepare
from clickprompt.workflows.evaluate import evaluate, test_logits
from clickprompt.workflows.progress import SilentProgress
from clickprompt.workflows.recipe import Recipe

SETTINGS = ((1.0, "weight"), (0.5, "logit"), (0.5, "weight"), (0.2, "logit"), (0.2, "weight"))
SILENT = SilentProgress()


def recipe_of(data: Path, keep: float, correction: str, seed: int) -> Recipe:
    """A small DCNv2 alone, on MovieLens-1M in time order."""
    recipe = {
        "data": {
            "source": {"kind": "movielens-1m", "path": str(data)},
            "negatives": {"keep": keep, "correction": correction},
        },
        "ctr_model": {"kind": "dcn-v2", "embedding_dim": 16, "cross_layers": 3, "hidden_sizes": [64, 64, 64]},
        "language_model": None,
        "method": "id-only",
        "finetune": {"epochs": 2, "batch_size": 256, "evaluations_per_epoch": 4, "early_stopping": None},
        "seed": seed,
    }
    return parse_recipe(recipe)


def measured(data: Path, out: Path, keep: float, correction: str, seed: int) -> list[tuple[str, dict[str, float]]]:
    """Measures of one run on whole test rows, as served; for shifted logits those without the shift too."""
    recipe = recipe_of(data, keep, correction, seed)
    prepared = out / f"prepared-{keep:g}-{correction}"
    run = RunFolder(out / f"{keep:g}-{correction}-{seed}", prepared)
    table = prepare(recipe, prepared, SILENT)
    finetune(recipe, "id-only", run, table, SILENT)
    (record,) = evaluate(recipe, run, table, SILENT)
    more = {"rows": table.table.manifest["splits"]["train"]["rows"]}
    named = "all rows" if keep == 1 else correction
    found = [(named, {**{name: record[name] for name in COLUMNS[1:]}, **more})]
    if correction == "logit":
        raw: Measures = evaluate_scores(np.asarray(table.table.split("test").labels), test_logits(run, "id-only"))
        found.append(("none", {**{name: raw.to_record()[name] for name in COLUMNS[1:]}, **more}))
    return found


COLUMNS = ("rows", "auc", "log_loss", "calibration_ratio", "expected_calibration_error")


def main() -> None:
    """Run every setting with every seed; print a table of means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of MovieLens-1M's files")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs; finished ones are not repeated")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    print("| kept | correction | training rows | AUC | log loss | predicted/observed | calibration error |")
    print("|---|---|---|---|---|---|---|")
    for keep, correction in SETTINGS:
        runs = [dict(measured(args.data, args.out, keep, correction, seed)) for seed in args.seeds]
        for name in runs[0]:
            of = {column: fmean(run[name][column] for run in runs) for column in COLUMNS}
            print(
                f"| {100 * keep:g} % | {name} | {of['rows']:,.0f} | {of['auc']:.4f} | "
                f"{of['log_loss']:.4f} | {of['calibration_ratio']:.3f} | {of['expected_calibration_error']:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
