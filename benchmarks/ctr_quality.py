"""Test AUC of ID models beside FuxiCTR's: same rows, same split, same sizes, same training, several seeds.

    python benchmarks/ctr_quality.py --data ML-1M-FOLDER --out FOLDER [--side ours|fuxictr|both] [--model-zoo FOLDER]

The data are prepared once and handed to both sides as the same indices. The epoch with the best validation AUC is
kept; test rows are read once. Finished runs are noted in FOLDER/<order>.jsonl and not run again; `--side none` only
prints the table. Models whose layers are not in fuxictr's wheel need `--model-zoo`, the folder of that name in
FuxiCTR's repository. Initial weights are each side's own: embeddings N(0, 0.01) here and N(0, 0.0001) there, linear
layers uniform (Kaiming) here and normal (Xavier) with zero biases there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from clickprompt.ctr import CTR_MODELS
from clickprompt.evaluation import welch_test
from quality_ours import train_ours, write_rows
from quality_sizes import BATCH_SIZE, EMBEDDING_DIM, EPOCHS, FUXICTR, LEARNING_RATE, OURS

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
SIDES = ("ours", "fuxictr")


def settings_of(side: str, kind: str) -> dict[str, Any]:
    """What decides a run beside its seed and rows."""
    shared = {"embedding_dim": EMBEDDING_DIM, "batch_size": BATCH_SIZE, "epochs": EPOCHS, "rate": LEARNING_RATE}
    return {**shared, **(OURS if side == "ours" else FUXICTR)[kind]}


def finished(file: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Records by side, model and seed, of runs whose settings are today's."""
    lines = file.read_text().splitlines() if file.exists() else []
    records = [json.loads(line) for line in lines]
    return {
        (record["side"], record["model"], record["seed"]): record
        for record in records
        if record["settings"] == settings_of(record["side"], record["model"])
    }


def train_fuxictr(rows: Path, kind: str, seed: int, zoo: Path | None) -> dict[str, Any] | str:
    """The peer's record, or in words why there is none."""
    command = [str(PEERS), str(HERE / "quality_fuxictr.py"), str(rows), kind, str(seed)]
    done = subprocess.run(command + (["--model-zoo", str(zoo)] if zoo else []), capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads([line for line in done.stdout.splitlines() if line.startswith("{")][-1])


def run_side(side: str, options: argparse.Namespace, rows: Path, file: Path) -> None:
    """Every run of one side that is not yet noted."""
    if side == "fuxictr" and not PEERS.exists():
        print("fuxictr: skipped, there is no .venv-peers; `make .venv-peers/.installed` makes it")
        return
    for kind in options.models:
        if side == "ours" and kind not in CTR_MODELS:
            print(f"ours {kind}: skipped, the library has no such model")
            continue
        for seed in options.seeds:
            if (side, kind, seed) in finished(file):
                continue
            record: dict[str, Any] | str
            if side == "ours":
                record = train_ours(options.data, options.order, options.out, kind, seed)
            else:
                record = train_fuxictr(rows, kind, seed, options.model_zoo)
            if isinstance(record, str):
                print(f"{side} {kind} seed {seed}: skipped, {record}", flush=True)
                break
            about = {"side": side, "model": kind, "seed": seed, "settings": settings_of(side, kind)}
            with file.open("a") as out:
                out.write(json.dumps(about | record | {"when": time.strftime("%Y-%m-%d %H:%M")}) + "\n")
            print(
                f"{side} {kind} seed {seed}: AUC {record['test_auc']:.4f}, {record['train_seconds']:.0f} s", flush=True
            )


def table(records: dict[tuple[str, str, int], dict[str, Any]]) -> str:
    """Mean ± deviation over seeds; within the noise is a difference that Welch's t gives p > 0.05."""
    lines = ["| model | ours | fuxictr | difference | p | within the noise |", "|---|---|---|---|---|---|"]
    for kind in OURS:
        aucs = [[r["test_auc"] for (s, k, _), r in records.items() if (s, k) == (side, kind)] for side in SIDES]
        row = [kind, *(f"{mean(of):.4f} ± {stdev(of):.4f}" if len(of) > 1 else "not run" for of in aucs), "", "", ""]
        if all(len(of) > 1 for of in aucs):
            welch = welch_test(*aucs)
            verdict = "yes" if welch.p_value > 0.05 else "no, ours is higher" if welch.difference > 0 else "no"
            row[3:] = [f"{welch.difference:+.4f}", f"{welch.p_value:.2f}", verdict]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with MovieLens-1M's ratings.dat and others")
    parser.add_argument("--out", type=Path, required=True, help="where rows, runs and results are kept")
    parser.add_argument("--side", choices=(*SIDES, "both", "none"), default="both")
    parser.add_argument("--order", choices=("shuffle", "time"), default="shuffle", help="how the rows are split")
    parser.add_argument("--models", nargs="+", choices=tuple(OURS), default=tuple(OURS))
    parser.add_argument("--seeds", nargs="+", type=int, default=(1, 2, 3))
    parser.add_argument("--model-zoo", type=Path, help="model_zoo of a checkout of FuxiCTR's repository")
    options = parser.parse_args()
    file = options.out / f"{options.order}.jsonl"
    rows = write_rows(options.data, options.order, options.out)
    for side in SIDES if options.side == "both" else (options.side,):
        if side in SIDES:
            run_side(side, options, rows, file)
    print(table(finished(file)))


if __name__ == "__main__":
    sys.exit(main())
