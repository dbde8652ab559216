"""Offline scoring by a bundle that reads words: this library beside the ONNX file that it exports, one thread each.

    python benchmarks/score_exported_lm.py BUNDLE [--quick] [--rows N] [--repeats N] [--json FILE]

BUNDLE is one that `clickprompt export` has an ONNX form for, such as clickprompt-with-lm. Rows are values drawn by
their frequency, field by field. All contenders start from the same raw rows: looking up values and tokenizing are in
the timed pass, but for `onnxruntime, inputs ready`. The file is handed 64 rows at a time, sorted by length and padded
to the longest of them; `Predictor` does the same without padding. Each contender runs in a process of its own, in
turns; a rate is the median over the repeats, by the clock and by processor time, which other work on the machine
changes less. Probabilities are compared with float32's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from lm_answer import answer

CONTENDERS = ("Predictor float32", "Predictor int8", "onnxruntime", "onnxruntime, inputs ready")
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--quick", action="store_true", help="200 rows, once")
    parser.add_argument("--rows", type=int, help="2,000 unless given")
    parser.add_argument("--repeats", type=int, help="3 unless given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = options.rows or (200 if options.quick else 2_000)
    if options.contender:
        print(json.dumps(measure(options.contender, options.bundle, options.folder, rows)))
        return
    os.environ |= dict.fromkeys(ONE_THREAD, "1")
    records = compare(options.bundle, rows, options.repeats or (1 if options.quick else 3))
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n")


def compare(bundle: Path, rows: int, repeats: int) -> list[dict[str, Any]]:
    """Export once, measure every contender, print a table; the records."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        export(bundle, folder)
        taken: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
        for _ in range(repeats):
            for name, results in taken.items():
                command = [sys.executable, __file__, str(bundle), f"--rows={rows}", f"--folder={folder}"]
                result = answer([*command, f"--contender={name}"], name)
                results += [] if result is None else [result]
        exact = np.load(folder / f"{CONTENDERS[0]}.npy")
        records = []
        for name, results in taken.items():
            if not results:
                continue
            found = np.load(folder / f"{name}.npy")
            record = {key: median(result[key] for result in results) for key in results[0]}
            records.append({"contender": name, **record, "largest_difference": float(np.abs(found - exact).max())})
    print(f"{bundle.name}: {rows:,} rows, one thread, median of {repeats}")
    for record in records:
        print(
            f"{record['contender']:26} {record['rows_per_second']:8,.0f} rows/s by the clock, "
            f"{record['rows_per_processor_second']:8,.0f} by processor time, peak {record['peak_memory_mb']:,.0f} MB, "
            f"largest difference {record['largest_difference']:.1e}"
        )
    return records


def export(bundle: Path, folder: Path) -> None:
    """By a process of its own, whose peak of memory the contenders do not inherit."""
    command = [sys.executable, "-m", "clickprompt", "export", str(bundle), "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])


def measure(name: str, bundle: Path, folder: Path, rows: int) -> dict[str, float]:
    """One contender, after a pass over the first rows that is not timed; leaves its probabilities in the folder."""
    import resource

    import torch

    from clickprompt.bundle import Predictor, load_bundle, token_batches

    torch.set_num_threads(1)
    opened = load_bundle(bundle)
    columns = drawn_rows(opened, rows)
    first = {field: cells[:64] for field, cells in columns.items()}
    if name.startswith("Predictor"):
        score = Predictor(opened, "cpu", name.split()[1]).predict
    else:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(folder / "model.onnx", settings, providers=["CPUExecutionProvider"])

        def score(given: Any) -> np.ndarray:
            batches = given if isinstance(given, list) else token_batches(opened, given)
            parts = [(some, session.run(None, inputs)[0]) for some, inputs in batches]
            return np.concatenate([p for _, p in parts])[np.argsort(np.concatenate([some for some, _ in parts]))]

    score(first)
    ready = list(token_batches(opened, columns)) if name.endswith("ready") else columns
    clock, processor = time.perf_counter(), time.process_time()
    probability = score(ready)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    np.save(folder / f"{name}.npy", probability)
    return {
        "rows_per_second": rows / clock,
        "rows_per_processor_second": rows / processor,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def drawn_rows(bundle: Any, rows: int) -> dict[str, list[str]]:
    """A value of each field by its frequency among the training rows; lists hold one item."""
    random, statistics = np.random.default_rng(0), bundle.vocabulary.statistics
    columns = {}
    for place, field in enumerate(bundle.vocabulary.schema.fields):
        if field.kind == "numeric" or field.hash_rows is not None:
            sys.exit(f"field {field.name}: numbers and hashed texts cannot be drawn from a vocabulary")
        start, stop = map(int, statistics.offsets[place : place + 2])
        counts = statistics.counts[start:stop]
        chosen = start + random.choice(stop - start, rows, p=counts / counts.sum())
        columns[field.name] = [bundle.vocabulary.texts[row].as_py() for row in chosen.tolist()]
    return columns


if __name__ == "__main__":
    main()
