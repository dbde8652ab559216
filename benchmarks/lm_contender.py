"""What the contenders of `pa_mlm.py` and `score_with_lm.py` have in common: options, clock, their line of JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lm_cases import MODELS
from stopwatch import Stopwatch

TASKS = ("pretrain", "tune", "tune-frozen", "score")
LANGUAGE_RATE, CTR_RATE = 5e-5, 1e-3


def contender_options(doc: str | None, precisions: tuple[str, ...], default: str) -> argparse.ArgumentParser:
    """Options that every contender takes."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("folder", type=Path, help="what lm_cases.py wrote")
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--batch", type=int, default=256, help="rows of a training step")
    parser.add_argument("--rows", type=int, default=1024, help="rows that are scored")
    parser.add_argument("--pooling", choices=("mean", "cls"), default="mean")
    parser.add_argument("--dropout", choices=("default", "0"), default="default", help="default: the checkpoint's own")
    parser.add_argument("--precision", choices=precisions, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--warm-up", type=int, default=1, help="steps that are not timed")
    parser.add_argument("--fewest", type=int, default=2, help="steps that are timed at least")
    parser.add_argument("--logits", type=Path, help="where the scored rows' logits are written")
    return parser


def dropout_of(options: argparse.Namespace) -> float | None:
    """None: the checkpoint's own."""
    return None if options.dropout == "default" else float(options.dropout)


def stopwatch(options: argparse.Namespace) -> Stopwatch:
    """The clock of training; scoring is timed by whole passes, after one call that is not timed."""
    synchronize = torch.cuda.synchronize if options.device == "cuda" else lambda: None
    if options.task == "score":
        return Stopwatch(options.seconds, synchronize, warm_up=1, fewest=1)
    return Stopwatch(options.seconds, synchronize, options.warm_up, options.fewest)


def time_scoring(
    score: Callable[[int], np.ndarray], options: argparse.Namespace, watch: Stopwatch, warm_up_rows: int
) -> None:
    """Pass after pass over the scored rows, until the clock raises Enough; `score` is told how many rows to take."""
    score(warm_up_rows)
    watch.step(warm_up_rows)
    while True:
        logits = score(options.rows)
        if options.logits is not None:
            np.save(options.logits, logits)
        watch.step(options.rows)


def warm_up_rows(options: argparse.Namespace) -> int:
    """On a GPU all: kernels are chosen, and memory is laid out, by the shapes that will be met."""
    return options.rows if options.device == "cuda" else min(64, options.rows)


def print_record(watch: Stopwatch, options: argparse.Namespace, precision: str, **more: Any) -> None:
    """The line that the driver reads; `peak_memory_of` says whose memory `peak_memory_mb` is: on a GPU the device's."""
    record = watch.record() | {"version": torch.__version__, "precision": precision, "batch": options.batch} | more
    record["peak_memory_of"] = "process"
    if options.device == "cuda":
        record |= {"peak_memory_mb": torch.cuda.max_memory_allocated() / 2**20, "peak_memory_of": "device"}
    print(json.dumps(record))
