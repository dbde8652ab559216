"""Training speed of DCNv2: this library beside FuxiCTR, DeepCTR-Torch and a bare PyTorch loop (the limit).

    python benchmarks/ctr_training.py [--quick] [--json FILE] [--contenders NAME ...] [--vocabularies COUNT ...]

All train the same model, sizes, batches and rows (see `speed_cases.py`), one after another, each time in a process of
its own; contenders take turns and medians are shown. A rate is that of steady training over each contender's own
loader: what comes before the sixth step is not counted, and the clock runs for `--seconds` or ten steps, whichever is
longer, so a contender that is slow trains on fewer rows. Peers' regularizers are off. Peers live in an environment of
their own (`make bench` makes it); without it they are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from speed_cases import Case, write_case

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
_OURS = [sys.executable, str(HERE / "speed_ours.py")]
_PEER = [str(PEERS), str(HERE / "speed_peers.py")]
CONTENDERS = {
    "clickprompt": _OURS,
    "clickprompt dense": [*_OURS, "--embedding-optimizer=dense"],
    "clickprompt sparse": [*_OURS, "--embedding-optimizer=sparse"],
    "clickprompt rowwise-adagrad": [*_OURS, "--embedding-optimizer=rowwise-adagrad"],
    "clickprompt bfloat16": [*_OURS, "--precision=bfloat16"],
    "limit": [sys.executable, str(HERE / "speed_limit.py")],
    "fuxictr": [*_PEER, "fuxictr"],
    "fuxictr npz": [*_PEER, "fuxictr-npz"],
    "deepctr-torch": [*_PEER, "deepctr-torch"],
}
"""The command of each; a folder with rows, `--device` and `--seconds` are added."""
MEASURED = ("samples_per_second", "peak_memory_mb", "cores_busy")
SHOWN = ("clickprompt", "limit", "fuxictr", "fuxictr npz", "deepctr-torch")
SMALL, BOOKCROSSING, GOODREADS = 12_000, 722_000, 4_570_000
ROWS = 98 * 4096
"""Whole batches of either size."""


def measure(contender: str, folder: Path, device: str, seconds: float) -> dict[str, Any] | None:
    """What a contender's process reports; None, and a line of why, where it fails."""
    command = [*CONTENDERS[contender], str(folder), f"--device={device}", f"--seconds={seconds}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{contender}: failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}", flush=True)
        return None
    return json.loads([line for line in done.stdout.splitlines() if line.startswith("{")][-1])


def run_case(case: Case, contenders: list[str], device: str, seconds: float, repeats: int) -> list[dict[str, Any]]:
    """A record for each contender that could be measured."""
    taken: dict[str, list[dict[str, Any]]] = {contender: [] for contender in contenders}
    with tempfile.TemporaryDirectory() as folder:
        distinct = write_case(case, ROWS, Path(folder))
        for _ in range(repeats):
            for contender, results in taken.items():
                result = measure(contender, Path(folder), device, seconds)
                results += [] if result is None else [result]
    about = {"case": str(case), "values": case.values, "spread": case.spread, "batch": case.batch, "device": device}
    return [
        {
            **about,
            "contender": contender,
            **{name: median(result[name] for result in results) for name in MEASURED},
            "distinct_rows_per_batch": distinct,
            "all_rates": [result["samples_per_second"] for result in results],
            "rows_timed": results[-1]["rows_timed"],
            "version": results[-1]["version"],
        }
        for contender, results in taken.items()
        if results
    ]


def show(case: Case, records: list[dict[str, Any]]) -> None:
    """A case's rates, and how ours compare."""
    if not records:
        return
    print(f"\n{case} ({records[0]['distinct_rows_per_batch']:,.0f} distinct rows a batch)")
    rates = {record["contender"]: record["samples_per_second"] for record in records}
    ours = rates.get("clickprompt")
    for record in records:
        rate, spread = record["samples_per_second"], record["all_rates"]
        ratio = f"  clickprompt ÷ this {ours / rate:6.2f}" if ours else ""
        print(
            f"  {record['contender']:<28} {rate:>12,.0f} rows/s (from {min(spread):,.0f} to {max(spread):,.0f}), "
            f"{record['peak_memory_mb']:>7,.0f} MB, "
            f"{record['cores_busy']:.1f} cores busy{ratio}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the smallest table, once: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--contenders", nargs="+", choices=tuple(CONTENDERS), default=SHOWN)
    parser.add_argument("--vocabularies", nargs="+", type=int, metavar="COUNT")
    parser.add_argument("--batches", nargs="+", type=int, default=(256, 4096))
    parser.add_argument("--spreads", nargs="+", choices=("zipf", "uniform"), help="of large vocabularies")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seconds", type=float, help="timed seconds of each run")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options = parser.parse_args()
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    repeats, seconds = options.repeats or (1 if options.quick else 3), options.seconds or (1.5 if options.quick else 8)
    vocabularies = options.vocabularies or ([SMALL] if options.quick else [SMALL, BOOKCROSSING, GOODREADS])
    contenders = [name for name in options.contenders if PEERS.exists() or CONTENDERS[name][0] != str(PEERS)]
    if missing := [name for name in options.contenders if name not in contenders]:
        print(f"left out: {', '.join(missing)}; `make bench` makes the environment they need")
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads, median of {repeats}")
    records: list[dict[str, Any]] = []
    for values in vocabularies:
        for spread in ("uniform",) if values <= SMALL else options.spreads or ("zipf", "uniform"):
            for batch in options.batches:
                case = Case(values, spread, batch)
                of_case = run_case(case, contenders, device, seconds, repeats)
                show(case, of_case)
                records += of_case
                if options.json:
                    options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
