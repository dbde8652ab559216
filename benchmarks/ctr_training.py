"""Training speed of ID models: this library beside a bare PyTorch loop on tensors in memory (the limit).

    python benchmarks/ctr_training.py [--quick] [--json FILE]

Both train the same model, sizes, batches and rows with AdamW in float32, one after another, each time in a process of
its own; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from clickprompt.batches import SplitReader, TrainingSteps
from clickprompt.contracts import FieldStatistics
from clickprompt.ctr import CTR_MODELS, build_ctr_model
from clickprompt.methods import IDOnly
from clickprompt.table import Split
from clickprompt.training import TrainingConfig, build_optimizer, train

FIELDS = 8


def rows_of(count: int, values: int, folder: Path) -> tuple[Split, np.ndarray, FieldStatistics]:
    """Random rows on disk, read by memory map as a prepared folder's are."""
    generator = np.random.default_rng(0)
    per_field = values // FIELDS
    ids = generator.integers(0, per_field, (count, FIELDS)) + per_field * np.arange(FIELDS)
    np.save(folder / "ids.npy", ids.astype(np.int32))
    split = Split(np.load(folder / "ids.npy", mmap_mode="r"), generator.integers(0, 2, count).astype(np.float32), None)
    offsets = np.arange(FIELDS + 1) * per_field
    names = tuple(f"field {n}" for n in range(FIELDS))
    embedding_rows = np.arange(offsets[-1], dtype=np.int32)
    return split, embedding_rows, FieldStatistics(names, ("context",) * FIELDS, offsets, np.ones(offsets[-1]))


def with_clickprompt(kind: str, split: Split, embedding_rows: np.ndarray, about: FieldStatistics, batch: int) -> float:
    """Seconds of an epoch with this library."""
    torch.manual_seed(0)
    method = IDOnly(build_ctr_model(CTR_MODELS[kind](), FIELDS, about.num_embeddings))
    reader = SplitReader([split], embedding_rows, about)
    steps = TrainingSteps(reader, batch_size=batch, micro_batch_size=batch, seed=0, oov_dropout=0.01)
    optimizer = build_optimizer(method.parts(), {"ctr": 1e-3}, 0.0)
    config = TrainingConfig(epochs=1, batch_size=batch)
    started = time.perf_counter()
    train(method, steps, method.click_loss, method.click_amount, optimizer, config, torch.device("cpu"))
    return time.perf_counter() - started


def with_a_bare_loop(kind: str, split: Split, about: FieldStatistics, batch: int) -> float:
    """Seconds of an epoch with nothing but tensors."""
    torch.manual_seed(0)
    model: nn.Module = build_ctr_model(CTR_MODELS[kind](), FIELDS, about.num_embeddings)
    ids, labels = torch.tensor(np.asarray(split.value_ids)).long(), torch.tensor(np.asarray(split.labels))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    started = time.perf_counter()
    order = torch.randperm(len(ids))
    ids, labels = ids[order], labels[order]
    for start in range(0, len(ids), batch):
        logits = model(ids[start : start + batch])
        binary_cross_entropy_with_logits(logits, labels[start : start + batch]).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return time.perf_counter() - started


def measure(contender: str, kind: str, rows: int, values: int, batch: int) -> tuple[float, float]:
    """Seconds of an epoch, and the peak memory in MB of the process that took them."""
    with tempfile.TemporaryDirectory() as folder:
        split, embedding_rows, about = rows_of(rows, values, Path(folder))
        if contender == "clickprompt":
            seconds = with_clickprompt(kind, split, embedding_rows, about, batch)
        else:
            seconds = with_a_bare_loop(kind, split, about, batch)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and repeats: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    options = parser.parse_args()
    rows, repeats, values = (40_000, 1, 12_000) if options.quick else (200_000, 5, 12_000)
    records = []
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {rows:,} rows, median of {repeats}")
    apart = {"max_workers": 1, "mp_context": get_context("spawn"), "max_tasks_per_child": 1}
    with ProcessPoolExecutor(**apart) as pool:
        for kind in ("dcn-v2",) if options.quick else tuple(CTR_MODELS):
            for batch in (256, 4096):
                taken: dict[str, list[tuple[float, float]]] = {"clickprompt": [], "limit": []}
                for _ in range(repeats):
                    for contender, results in taken.items():
                        results.append(pool.submit(measure, contender, kind, rows, values, batch).result())
                for contender, results in taken.items():
                    records.append(
                        {
                            "case": f"{kind}, {values:,} values, batch {batch}",
                            "contender": contender,
                            "samples_per_second": rows / statistics.median(seconds for seconds, _ in results),
                            "peak_memory_mb": statistics.median(memory for _, memory in results),
                        }
                    )
                ours, limit = (record["samples_per_second"] for record in records[-2:])
                print(f"{records[-1]['case']}: {ours:,.0f} rows/s, bare loop {limit:,.0f}, ratio {ours / limit:.2f}")
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
