"""Ten days of MovieLens-1M by time: a bundle updated each day, one trained anew each day, one left alone.

The first half of the ratings trains the start; the rest, cut into ten parts of equal size, are the days. Each day is
first predicted by models that have not seen it, and only then learned from. Updated: `clickprompt update` with its
default gate, whose held-out rows (the day's newest tenth) nothing learns from; beside it the same with a gate that all
pass. Trained anew: the same recipe on all that came before the day, the newest twentieth of it choosing the epoch, as
for the start. Frozen: the start.

    python benchmarks/update_days.py --data ML-1M --out runs/update-days --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import polars as pl
import torch

from clickprompt.bundle import Predictor
from clickprompt.contracts import TableSchema
from clickprompt.evaluation import auc, log_loss_of_probabilities
from clickprompt.table import MovieLens1MSource
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare
from clickprompt.workflows.finetune import finetune
from clickprompt.workflows.update import GateConfig, ModelStore, UpdateConfig, update

SILENT = SilentProgress()
SIDES = ("frozen", "updated", "ungated", "retrained")
SHOWN = ("frozen", "updated", "updated, open gate", "trained anew")
OPEN = GateConfig(
    min_rows=1, min_of_each=2, max_auc_drop=9, max_log_loss_rise=9, max_calibration_error=1e9, max_oov_rise=1
)
NEWEST = 0.05
"""Of the rows before a day: they choose the epoch."""


def read_days(folder: Path, days: int, quick: bool) -> tuple[list[pl.DataFrame], TableSchema]:
    """The start's rows and each day's, in the order of time, with a column `click`."""
    table = MovieLens1MSource(path=folder).read(SILENT)
    rows = table.frame.sort("timestamp", "User ID", "Movie ID")
    rows = rows.with_columns((pl.col("rating") >= 4).cast(pl.Int8).alias("click")).drop("rating")
    rows = rows[: len(rows) // 20] if quick else rows
    start = len(rows) // 2
    cuts = [0, *(start + (len(rows) - start) * day // days for day in range(days + 1))]
    return [rows[low:high] for low, high in pairwise(cuts)], table.schema


def train(rows: pl.DataFrame, next_day: pl.DataFrame, schema: TableSchema, seed: int, folder: Path) -> Path:
    """A bundle of these rows. The next day stands in for test rows, which training never reads."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cut = round(len(rows) * (1 - NEWEST))
    for name, some in (("train", rows[:cut]), ("validation", rows[cut:]), ("test", next_day)):
        some.write_parquet(folder / f"{name}.parquet")
    recipe = parse_recipe(
        {
            "data": {
                "source": {
                    "kind": "files",
                    **{name: str(folder / f"{name}.parquet") for name in ("train", "validation", "test")},
                    "fields": [field.model_dump(mode="json") for field in schema.fields],
                    "label": "click",
                    "timestamp": "timestamp",
                },
            },
            "ctr_model": {"kind": "dcn-v2", "embedding_dim": 16, "cross_layers": 3, "hidden_sizes": [64, 64, 64]},
            "language_model": None,
            "method": "id-only",
            "finetune": {"epochs": 2, "batch_size": 256, "evaluations_per_epoch": 1},
            "checkpoint": None,
            "seed": seed,
        }
    )
    run = RunFolder(folder)
    finetune(recipe, "id-only", run, prepare(recipe, run.prepared, SILENT), SILENT)
    return run.bundle("id-only")


def measures(bundle: Path, day: pl.DataFrame) -> dict[str, float]:
    """Of a bundle on a day that it has never seen."""
    probability, labels = Predictor.load(bundle).predict(day), day["click"].to_numpy()
    return {"auc": auc(labels, probability), "log_loss": log_loss_of_probabilities(labels, probability)}


def simulate(options: argparse.Namespace, seed: int) -> Iterator[dict[str, Any]]:
    """One record a day."""
    days, schema = read_days(options.data, options.days, options.quick)
    folder = options.out / f"seed-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    store, open_store = ModelStore(folder / "model"), ModelStore(folder / "ungated")
    start = train(days[0], days[1], schema, seed, folder / "start")
    store.publish(start)
    open_store.publish(start)
    for number, day in enumerate(days[1:], 1):
        before = pl.concat(days[:number])
        begun = time.perf_counter()
        anew = train(before, day, schema, seed, folder / "anew")
        anew_seconds = time.perf_counter() - begun
        bundles = (store.folder(1), store.folder(store.current), open_store.folder(open_store.current), anew)
        record: dict[str, Any] = {"seed": seed, "day": number, "rows": len(day), "rows_before": len(before)}
        record["cold_users"] = 1 - float(day["User ID"].is_in(before["User ID"].implode()).mean() or 0)
        record |= {side: measures(bundle, day) for side, bundle in zip(SIDES, bundles, strict=True)}
        day.write_parquet(folder / "day.parquet")
        begun = time.perf_counter()
        done = update(store.path, [str(folder / "day.parquet")], UpdateConfig())
        record |= {"outcome": done.outcome, "gate": done.record["gate"]["checks"]}
        record |= {"update_seconds": time.perf_counter() - begun, "retrain_seconds": anew_seconds}
        update(open_store.path, [str(folder / "day.parquet")], UpdateConfig(gate=OPEN))
        yield record


def _line(record: dict[str, Any]) -> str:
    aucs = ", ".join(f"{side} {record[side]['auc']:.4f}" for side in SIDES)
    seconds = f"{record['update_seconds']:.0f} s against {record['retrain_seconds']:.0f} s"
    return f"seed {record['seed']}, day {record['day']}: {aucs}; {record['outcome']}, {seconds}"


def table(records: list[dict[str, Any]]) -> str:
    """Means over seeds, a line a day and one of all."""
    head = [
        "day",
        "rows",
        "users not seen",
        *(f"AUC {side}" for side in SHOWN),
        *(f"log loss {side}" for side in SHOWN),
    ]
    lines = [f"| {' | '.join([*head, 'promoted'])} |", "|---" * (len(head) + 1) + "|"]
    for day in sorted({record["day"] for record in records}):
        some = [record for record in records if record["day"] == day]
        cells = [f"{mean(r[side]['auc'] for r in some):.4f}" for side in SIDES]
        cells += [f"{mean(r[side]['log_loss'] for r in some):.4f}" for side in SIDES]
        promoted = sum(r["outcome"] == "promoted" for r in some)
        first = f"| {day} | {some[0]['rows']:,} | {some[0]['cold_users']:.0%} | "
        lines.append(first + " | ".join(cells) + f" | {promoted} of {len(some)} |")
    cells = []
    for name in ("auc", "log_loss"):
        for side in SIDES:
            of_seed = [
                mean(r[side][name] for r in records if r["seed"] == seed) for seed in {r["seed"] for r in records}
            ]
            spread = f" ± {stdev(of_seed):.4f}" if len(of_seed) > 1 else ""
            cells.append(f"{mean(of_seed):.4f}{spread}")
    promoted = sum(r["outcome"] == "promoted" for r in records)
    rows = sum(r["rows"] for r in records if r["seed"] == records[0]["seed"])
    lines.append(f"| all | {rows:,} | | " + " | ".join(cells) + f" | {promoted} of {len(records)} |")
    seconds = [mean(r[name] for r in records) for name in ("update_seconds", "retrain_seconds")]
    lines.append(f"\nA day's update took {seconds[0]:.1f} s on average, training anew {seconds[1]:.1f} s.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with MovieLens-1M's ratings.dat and others")
    parser.add_argument("--out", type=Path, required=True, help="where bundles and records are kept")
    parser.add_argument("--seeds", nargs="+", type=int, default=(1,))
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="the first twentieth of the rows alone, to see it work")
    parser.add_argument("--json", action="store_true", help="print the records instead of the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    records = []
    for seed in options.seeds:
        for record in simulate(options, seed):
            records.append(record)
            (options.out / "records.json").write_text(json.dumps(records, indent=1))
            if not options.json:
                print(_line(record), flush=True)
    print(json.dumps(records) if options.json else table(records))


if __name__ == "__main__":
    sys.exit(main())
