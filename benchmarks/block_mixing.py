"""What reading shuffled blocks does to training: how often rows meet again, and what AUC comes of it.

    python benchmarks/block_mixing.py [--quick] [--json FILE] [--data FOLDER] [--seeds SEED ...]

`met again`: of two rows that share a batch of 256 in one epoch, how many times as often they share one in the next as
they would by chance; 20 million rows of 15 fields, blocks against permutations of all rows.

With `--data`, the folder of MovieLens-1M's files (or of a part of them): AUC of the test rows, in time order, of a
DCNv2 (embeddings of 16, 3 cross layers, tower of 3 × 64, batch 256, two epochs, no early stopping). A block is made as
small beside these rows as one is beside 20 million, so that a window mixes as small a share of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.batches import block_order
from clickprompt.workflows import RunFolder, SilentProgress, finetune, parse_recipe, prepare
from clickprompt.workflows.evaluate import evaluate

ROWS, QUICK_ROWS, FIELDS, BATCH = 20_000_000, 2_000_000, 15, 256
ORDERS = {"blocks": "shuffled", "permutation": "split"}


def epoch_of(order: str, rows: int, epoch: int) -> np.ndarray:
    """The batch of each row, int64 (rows,)."""
    batches = np.empty(rows, np.int64)
    if order == "permutation":
        batches[np.random.default_rng([0, epoch]).permutation(rows)] = np.arange(rows) // BATCH
        return batches
    blocks = block_order.BlockOrder.of_width(rows, 4 * FIELDS)
    for window in blocks.windows(0, epoch):
        places = window.first + np.arange(window.size)
        batches[blocks.rows_of(window, 0, epoch)] = places // BATCH
    return batches


def met_again(order: str, rows: int) -> float:
    """Pairs that share a batch in two epochs, divided by how many would by chance."""
    first, second = (epoch_of(order, rows, epoch) for epoch in (0, 1))
    both = np.unique(first * (rows // BATCH + 1) + second, return_counts=True)[1]
    sizes = np.bincount(first)
    pairs, again = (float((of * (of - 1)).sum()) for of in (sizes, both.astype(np.int64)))
    return again / (pairs * (BATCH - 1) / (rows - 1))


def auc_of(order: str, data: Path, seed: int, work: Path) -> float:
    """AUC of the test rows; the prepared folder is made once for each order."""
    recipe = parse_recipe(
        {
            "data": {
                "source": {"kind": "movielens-1m", "path": str(data)},
                "split": {"order": "time"},
                "training_order": ORDERS[order],
            },
            "ctr_model": {"kind": "dcn-v2", "embedding_dim": 16, "cross_layers": 3, "hidden_sizes": [64, 64, 64]},
            "language_model": None,
            "method": "id-only",
            "finetune": {"epochs": 2, "batch_size": BATCH, "evaluations_per_epoch": 4, "early_stopping": None},
            "seed": seed,
        }
    )
    run, progress = RunFolder(work / f"{order}-{seed}", work / order), SilentProgress()
    made = prepare(recipe, work / order, progress)
    row_bytes = made.reader(["train"], reads=recipe.reads("id-only")).row_bytes
    rows = made.table.manifest["splits"]["train"]["rows"]
    whole = block_order.BLOCK_BYTES
    block_order.BLOCK_BYTES = row_bytes * max(1, round(whole // (4 * FIELDS) * rows / ROWS))
    try:
        finetune(recipe, "id-only", run, made, progress)
    finally:
        block_order.BLOCK_BYTES = whole
    (record,) = evaluate(recipe, run, made, progress)
    return float(record["auc"])


def measured(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    rows = QUICK_ROWS if options.quick else ROWS
    for order in ORDERS:
        yield {"case": f"met again, {rows:,} rows", "contender": order, "times": met_again(order, rows)}
    if options.data is None:
        return
    with tempfile.TemporaryDirectory() as work:
        for order in ORDERS:
            for seed in options.seeds:
                auc = auc_of(order, options.data, seed, Path(work))
                yield {"case": "AUC", "contender": order, "seed": seed, "auc": auc}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 million rows instead of 20")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="ratings.dat, users.dat and movies.dat")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    records = []
    for record in measured(options):
        records.append(record)
        seed = f", seed {record['seed']}" if "seed" in record else ""
        print(
            f"{record['case']:30}{record['contender'] + seed:24}{record.get('times', record.get('auc')):.4f}",
            flush=True,
        )
        if options.json:
            options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
