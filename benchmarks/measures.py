"""Seconds and memory of each measure on many rows, beside scikit-learn and the limit: one sort of the scores.

    python benchmarks/measures.py [--quick] [--json FILE] [--rows COUNT] [--cases NAME ...]

Rows are random: float32 logits nearly all distinct, a click in three, forty rows a user on average. Each contender runs
in a process of its own, three times; the run of least processor time is shown, which others at work on the machine
stretch less than they do the clock's. Memory is the most the process ever held, the rows themselves included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS, QUICK_ROWS, ROWS_A_USER = 20_000_000, 1_000_000, 40
REPEATS = 3
Rows = dict[str, Any]


def make_rows(rows: int) -> Rows:
    """Labels, logits of two models, weights and users."""
    random = np.random.default_rng(0)
    logits = random.standard_normal(rows, dtype=np.float32)
    return {
        "labels": random.random(rows, dtype=np.float32) < 1 / (1 + np.exp(1 - logits)),
        "logits": logits,
        "others": logits + np.float32(0.3) * random.standard_normal(rows, dtype=np.float32),
        "weights": random.random(rows) + 0.5,
        "users": (rows // ROWS_A_USER * random.random(rows) ** 2).astype(np.int32),
    }


def contenders(case: str) -> dict[str, Callable[[Rows], object]]:
    """Who computes a case, and how."""
    import clickprompt.evaluation as ours

    def sklearn(name: str, scores: str, weighted: bool = False) -> Callable[[Rows], object]:
        import sklearn.metrics

        measure = getattr(sklearn.metrics, name)
        return lambda r: measure(r["labels"], r[scores], sample_weight=r["weights"] if weighted else None)

    if case == "limit":
        return {"np.sort": lambda r: np.sort(r["logits"]), "np.argsort": lambda r: np.argsort(r["logits"])}
    if case == "auc":
        return {
            "clickprompt": lambda r: ours.auc(r["labels"], r["logits"]),
            "scikit-learn": sklearn("roc_auc_score", "logits"),
        }
    if case == "weighted auc":
        return {
            "clickprompt": lambda r: ours.auc(r["labels"], r["logits"], weights=r["weights"]),
            "scikit-learn": sklearn("roc_auc_score", "logits", weighted=True),
        }
    if case == "log loss":
        return {
            "clickprompt": lambda r: ours.log_loss(r["labels"], r["logits"]),
            "scikit-learn": sklearn("log_loss", "probabilities"),
        }
    alone: dict[str, Callable[[Rows], object]] = {
        "grouped auc": lambda r: ours.grouped_auc(r["labels"], r["logits"], r["users"]),
        "calibration ratio": lambda r: ours.calibration_ratio(r["labels"], r["probabilities"]),
        "calibration error": lambda r: ours.expected_calibration_error(r["labels"], r["probabilities"]),
        "roc curve": lambda r: ours.roc_curve(r["labels"], r["logits"]),
        "delong variance": lambda r: ours.delong_variance(r["labels"], r["logits"]),
        "delong test": lambda r: ours.delong_test(r["labels"], r["logits"], r["others"]),
        "bootstrap over users, 1 draw": lambda r: _over_users(r, 1),
        "bootstrap over users, 11 draws": lambda r: _over_users(r, 11),
    }
    return {"clickprompt": alone[case]}


CASES = (
    "limit",
    "auc",
    "weighted auc",
    "log loss",
    "grouped auc",
    "calibration ratio",
    "calibration error",
    "roc curve",
    "delong variance",
    "delong test",
    "bootstrap over users, 1 draw",
    "bootstrap over users, 11 draws",
)


def _over_users(rows: Rows, samples: int) -> object:
    from clickprompt.evaluation import bootstrap_over_groups

    return bootstrap_over_groups(rows["labels"], rows["logits"], rows["others"], rows["users"], samples=samples)


def measure(case: str, contender: str, count: int) -> dict[str, Any]:
    """Run in this process: its times, and the most memory it ever held."""
    rows = make_rows(count)
    if case.startswith("calibration") or contender == "scikit-learn":
        rows["probabilities"] = 1 / (1 + np.exp(-rows["logits"].astype(np.float64)))
    run = contenders(case)[contender]
    times = []
    for _ in range(REPEATS):
        started, cpu = time.perf_counter(), time.process_time()
        run(rows)
        times.append((time.process_time() - cpu, time.perf_counter() - started))
    cpu, seconds = min(times)
    return {
        "case": case,
        "contender": contender,
        "rows": count,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a million rows: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--alone", nargs=2, metavar=("CASE", "CONTENDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    if options.alone:
        print(json.dumps(measure(*options.alone, rows)))
        return
    print(f"{rows:,} rows, NumPy {np.__version__}, least of {REPEATS}")
    records: list[dict[str, Any]] = []
    for case in options.cases:
        for contender in contenders(case):
            command = [sys.executable, __file__, f"--rows={rows}", "--alone", case, contender]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            record = json.loads(done.stdout)
            records.append(record)
            sort = next((r["cpu_seconds"] for r in records if r["contender"] == "np.sort"), None)
            ratio = "" if sort is None else f", {record['cpu_seconds'] / sort:6.1f} sorts"
            print(
                f"  {case:<32}{contender:<14}{record['seconds']:8.3f} s, {record['cpu_seconds']:8.3f} s of processor"
                f"{ratio}, {record['peak_memory_mb']:7,.0f} MB",
                flush=True,
            )
            if options.json:
                options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
