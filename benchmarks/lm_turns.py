"""How `pa_mlm.py` and `score_with_lm.py` run: contenders in turns, each time in a process of its own; medians; a table.

Standard library and NumPy alone, so that no contender's process inherits a large one's peak of memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from lm_answer import answer
from lm_cases import MODELS, about
from lm_flops import Sizes, row_flops
from lm_table import machine_line, rows_line, show

HERE = Path(__file__).parent
OURS = [sys.executable, str(HERE / "lm_ours.py")]
PREDICT = [sys.executable, str(HERE / "lm_predict.py")]
RECIPE = [sys.executable, str(HERE / "paper_recipe.py")]
MEASURED = ("samples_per_second", "peak_memory_mb", "cores_busy")
BASE = {"cpu": "recipe", "cuda": "recipe float16"}
"""What the others are compared with: on a GPU as the authors ran it."""
SHOWN_MODELS = ("minilm-3", "minilm-6", "roberta-base")
"""What is taken where nothing is asked for."""


@dataclass(frozen=True)
class Case:
    """One thing to do with one model."""

    task: str
    model: str
    batch: int
    pooling: str
    rows: int = 0
    """Rows that are scored."""

    def __str__(self) -> str:
        pooled = "" if self.task == "pretrain" else f", {self.pooling} pooling"
        return f"{self.task}, {self.model}, batch {self.batch}{pooled}"

    @property
    def arguments(self) -> list[str]:
        """For a contender's command."""
        settings = {"model": self.model, "task": self.task, "batch": self.batch, "pooling": self.pooling}
        return [f"--{name}={value}" for name, value in settings.items()] + (
            [f"--rows={self.rows}"] if self.rows else []
        )


def driver_options(doc: str | None, contenders: dict[str, list[str]], tasks: tuple[str, ...]) -> argparse.Namespace:
    """What a driver was asked for; what was left open is None."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="MiniLM's first 3 layers, small batches, once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--rows", type=Path, metavar="FOLDER", help="MovieLens-1M's files; drawn rows where not given")
    parser.add_argument("--contenders", nargs="+", choices=tuple(contenders))
    parser.add_argument("--models", nargs="+", choices=MODELS)
    parser.add_argument("--tasks", nargs="+", choices=tasks)
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--pooling", choices=("mean", "cls"), default="mean", help="of tuning and scoring")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seconds", type=float, help="timed seconds of each run")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args()


def run(
    options: argparse.Namespace,
    contenders: dict[str, list[str]],
    shown: dict[str, tuple[str, ...]],
    cases_of: Callable[[argparse.Namespace, str, str], Iterable[Case]],
) -> None:
    """Measure every case and print it; `shown`, by device, is what is taken where nothing is asked for.

    `cases_of` is given the options, a model and the device.
    """
    quick = ["--quick"] if options.quick else []
    machine = answer([sys.executable, str(HERE / "matrix_rate.py"), f"--device={options.device}", *quick])
    if machine is None:
        sys.exit(1)
    device = machine["device"]
    models_taken = options.models or (["minilm-3"] if options.quick else SHOWN_MODELS)
    names = options.contenders or shown[device]
    repeats = options.repeats or (1 if options.quick else 3)
    print(machine_line(machine, repeats), flush=True)
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        rows = [f"--rows={options.rows.resolve()}"] if options.rows else ["--generated=4000"] if options.quick else []
        made = subprocess.run([sys.executable, str(HERE / "lm_cases.py"), folder, *models_taken, *rows])
        if made.returncode:
            sys.exit(1)
        print(rows_line(about(Path(folder)), options.rows), flush=True)
        for model in models_taken:
            for case in cases_of(options, model, device):
                commands = {name: contenders[name] for name in names}
                of_case = _run_case(case, commands, machine, Path(folder), options, repeats)
                show(case, of_case)
                records += of_case
                if options.json:
                    options.json.write_text(json.dumps(records, indent=2) + "\n")


def _run_case(
    case: Case,
    commands: dict[str, list[str]],
    machine: dict[str, Any],
    folder: Path,
    options: argparse.Namespace,
    repeats: int,
) -> list[dict[str, Any]]:
    """A record for each contender that could be measured."""
    device, logits = machine["device"], folder / "logits"
    logits.mkdir(exist_ok=True)
    steps = (5, 10) if device == "cuda" else (1, 1) if options.quick else (1, 2)
    seconds = options.seconds or (0.5 if options.quick else 8)
    clock = [f"--device={device}", f"--seconds={seconds}", f"--warm-up={steps[0]}", f"--fewest={steps[1]}"]
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, results in taken.items():
            kept = [f"--logits={logits / name}.npy"] if case.task == "score" else []
            # A contender's own options come last and win.
            command = [commands[name][0], commands[name][1], str(folder), *case.arguments, *clock, *kept]
            result = answer([*command, *commands[name][2:]], name)
            results += [] if result is None else [result]
    measured = {name: results for name, results in taken.items() if results}
    notes = about(folder)
    records = [_record(name, case, results, repeats, machine, notes) for name, results in measured.items()]
    base = next((record for record in records if record["contender"] == BASE[device]), None)
    recipes = [record for record in records if record["contender"].startswith("recipe")]
    fastest = max(recipes, key=lambda record: record["samples_per_second"], default=None)
    for record in records:
        if base is not None:
            record["times_recipe"] = record["samples_per_second"] / base["samples_per_second"]
        if fastest is not None:
            record["fastest_recipe"] = fastest["contender"]
            record["times_fastest_recipe"] = record["samples_per_second"] / fastest["samples_per_second"]
        if base is not None and case.task == "score":
            own, theirs = (np.load(logits / f"{name}.npy") for name in (record["contender"], base["contender"]))
            shared = min(len(own), len(theirs))  # all score the same rows, some only the first of them
            record["largest_logit_difference"] = float(np.abs(own[:shared] - theirs[:shared]).max())
    return records


def _record(
    name: str,
    case: Case,
    results: list[dict[str, Any]],
    repeats: int,
    machine: dict[str, Any],
    notes: dict[str, Any],
) -> dict[str, Any]:
    last, sizes, lengths = results[-1], Sizes.of(notes[case.model]), notes["lengths"]
    rates = {figure: median(result[figure] for result in results) for figure in MEASURED}
    rate = rates["samples_per_second"]
    needed = row_flops(sizes, case.task, case.pooling, lengths)
    own = row_flops(sizes, case.task, case.pooling, last["widths"], everywhere=True) if "widths" in last else needed
    peak = machine["float32"] if last["precision"] == "float32" else machine["bfloat16"] or machine["float32"]
    return {
        "case": str(case),
        "task": case.task,
        "model": case.model,
        "batch": last["batch"],
        "pooling": case.pooling,
        "contender": name,
        "device": machine["device"],
        "precision": last["precision"],
        **rates,
        "peak_memory_of": last["peak_memory_of"],
        "runs": len(results),
        "runs_failed": repeats - len(results),
        "tokens_per_second": rate * sum(int(z) * count for z, count in lengths.items()) / sum(lengths.values()),
        "matrix_rate_share": rate * own / peak,
        "needed_share": rate * needed / peak,
        "all_rates": [result["samples_per_second"] for result in results],
        "rows_timed": last["rows_timed"],
        "machine": machine,
    }
