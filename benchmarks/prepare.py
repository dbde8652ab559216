"""Preparing: half of MovieLens-1M beside FuxiCTR, then tables of any size in the shape of GoodReads.

    python benchmarks/prepare.py [--quick] [--json FILE] [--cases NAME ...] [--rows COUNT] [--movielens FOLDER]

`movielens`: the same rows, the same split, the same vocabulary (every value of the training rows), all fields
categorical. `clickprompt` reads the release's files, joins, splits and writes; `clickprompt csv` and `fuxictr` start
from three CSV files of rows that are joined and split already. Contenders take turns and medians are shown. Without
`--movielens` rows are drawn at random in the release's shape. FuxiCTR lives in an environment of its own (`make bench`
makes it); without it, it is left out.

`parquet` and `jsonl`: generated rows from one Parquet file, or one file of gzipped JSON lines, prepared; beside it the
limit, polars alone reading the file and counting distinct values. `tokens` and `training` go on from the folder that
`parquet` has prepared: tokens of all distinct values; an epoch of DCNv2 of the authors' sizes, or `--steps` of it.

`shards`: the same rows in 1 file, read by 1 thread, and in 37 shuffled ones, by 2: is each byte the same?

Every step runs in a process of its own. Seconds are from its start to its end, imports included. Memory is what no file
backs, looked at 20 times a second, children included; Ray's shared memory is not counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from prepare_rows import generated, movielens_csv, movielens_section
from watched import Watched, watch

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
CASES = ("movielens", "parquet", "jsonl", "tokens", "training", "shards")
ROWS, QUICK_ROWS, SHARDS_ROWS, DRAWN = 20_000_000, 200_000, 1_000_000, 360_000
SHARDS = 37
Records = list[dict[str, Any]]


class Bench:
    """Records as they are measured, printed and written at once."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options, self.work, self.records = options, work, Records()

    def ours(self, step: str, data: dict[str, Any], out: Path, *more: str, **environment: str) -> Watched | str:
        """A step of this library's."""
        section = self.work / "data.json"
        section.write_text(json.dumps(data))
        command = [sys.executable, str(HERE / "prepare_ours.py"), step, str(section), str(out), *more]
        return watch(command, environment)

    def note(self, case: str, contender: str, runs: list[Watched | str]) -> None:
        """A contender's record, medians over its runs; a line of why where one failed."""
        failed = [run for run in runs if isinstance(run, str)]
        taken = [run for run in runs if isinstance(run, Watched)]
        for line in failed:
            print(f"  {case:<10}{contender:<20}failed: {line}", flush=True)
        if not taken:
            return
        record = {
            "case": case,
            "contender": contender,
            **{name: median(getattr(run, name) for run in taken) for name in
               ("seconds", "cpu_seconds", "cores_busy", "anonymous_mb")},
            "all_seconds": [run.seconds for run in taken],
            **taken[-1].said,
        }  # fmt: skip
        record["inside_seconds"] = median(run.said["inside_seconds"] for run in taken)
        self.records.append(record)
        rate = f", {record['samples_per_second']:,.0f} rows/s" if "samples_per_second" in record else ""
        print(
            f"  {case:<10}{contender:<20}{record['seconds']:9.2f} s ({record['inside_seconds']:.2f} without imports), "
            f"{record['cpu_seconds']:.2f} s of processor, {record['cores_busy']:.1f} cores busy, "
            f"{record['anonymous_mb']:,.0f} MB{rate}",
            flush=True,
        )
        self.save()

    def save(self) -> None:
        if self.options.json:
            self.options.json.write_text(json.dumps(self.records, indent=2) + "\n")

    def movielens(self) -> None:
        """Ours from the release and from CSV files, FuxiCTR from the CSV files."""
        release = movielens_section(self.options.movielens, DRAWN, self.work)
        csv = movielens_csv(release, self.work / "csv")
        folder, out = self.work / "csv", self.work / "contender"
        taken: dict[str, list[Watched | str]] = {"clickprompt": [], "clickprompt csv": []}
        if self.options.peers.exists():
            taken["fuxictr"] = []
        else:
            print("left out: fuxictr; `make bench` makes the environment it needs")
        for _ in range(self.options.repeats):
            for contender, runs in taken.items():
                shutil.rmtree(out, ignore_errors=True)
                if contender == "fuxictr":
                    run = watch([str(self.options.peers), str(HERE / "prepare_fuxictr.py"), str(folder), str(out)])
                else:
                    run = self.ours("prepare", release if contender == "clickprompt" else csv, out)
                runs.append(run)
        for contender, runs in taken.items():
            self.note("movielens", contender, runs)
        medians = {r["contender"]: r for r in self.records if r["case"] == "movielens"}
        if len(medians) == 3:
            peer = medians["fuxictr"]
            for contender in ("clickprompt", "clickprompt csv"):
                own, times = medians[contender], {}
                for which in ("seconds", "inside_seconds", "cpu_seconds"):
                    times[which] = own[f"times_fuxictr_{which}"] = peer[which] / own[which]
                same = "the same" if own["embedding_rows"] == peer["values"] else "NOT the same"
                print(
                    f"  fuxictr ÷ {contender}: {times['seconds']:.1f} ({times['inside_seconds']:.1f} without imports), "
                    f"{times['cpu_seconds']:.1f} of processor time; {same} number of values, {peer['values']:,}"
                )

    def large(self, case: str) -> None:
        """Generated rows of one format: the limit, then ours; what follows from the folder for Parquet."""
        folder = self.options.tables / case if self.options.tables else self.work / "tables" / case
        data = generated(folder, self.options.rows, {"parquet": "parquet", "jsonl": "jsonl.gz"}[case])
        out = self.work / "prepared"
        self.note(case, "polars (limit)", [self.ours("limit", data, out)])
        self.note(case, "clickprompt", [self.ours("prepare", data, out)])
        if case == "parquet" and out.exists():
            if "tokens" in self.options.cases:
                name = f"--language-model={self.options.language_model}"
                self.note("tokens", self.options.language_model, [self.ours("tokenize", data, out, name)])
            if "training" in self.options.cases:
                steps = [f"--steps={self.options.steps}"] if self.options.steps else []
                self.note("training", "dcn-v2", [self.ours("train", data, out, *steps)])
        for made in self.work.glob("prepared*"):
            shutil.rmtree(made) if made.is_dir() else made.unlink()

    def shards(self) -> None:
        """One file and many: the same bytes?"""
        rows, hashes = min(self.options.rows, SHARDS_ROWS), []
        for files, threads in ((1, 1), (SHARDS, 2)):
            data = generated(self.work / f"shards-{files}", rows, "parquet", files=files)
            out = self.work / f"shards-{files} prepared"
            name = f"{files} file{'s' if files > 1 else ''}, {threads} thread{'s' if threads > 1 else ''}"
            run = self.ours("prepare", data, out, POLARS_MAX_THREADS=str(threads))
            self.note("shards", name, [run])
            if isinstance(run, str):
                return
            hashes.append(tree_hash(out))
        same = hashes[0] == hashes[1]
        self.records.append({"case": "shards", "rows": rows, "identical": same, "sha256": hashes})
        print(f"  shards    {rows:,} rows: {'byte-identical' if same else 'DIFFERENT'} folders, {hashes[0][:16]} …")
        self.save()


def tree_hash(folder: Path) -> str:
    """SHA-256 over names and contents of all files of a folder."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder)} {content}\n".encode())
    return whole.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 thousand generated rows, 50 steps, each once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--rows", type=int, help="generated rows")
    parser.add_argument("--steps", type=int, help="optimizer steps of 4,096 rows; unset, a whole epoch")
    parser.add_argument("--repeats", type=int, help="turns of the contenders on MovieLens")
    parser.add_argument("--movielens", type=Path, metavar="FOLDER", help="ratings.dat, users.dat and movies.dat")
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="where generated rows are kept and found again")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where prepared folders lie for a while")
    parser.add_argument("--language-model", default="minilm", help="whose tokenizer is timed")
    parser.add_argument("--peers", type=Path, default=PEERS, help="the Python that has fuxictr")
    options = parser.parse_args()
    options.rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    options.steps = options.steps or (50 if options.quick else None)
    options.repeats = options.repeats or (1 if options.quick else 5)
    if {"tokens", "training"} & set(options.cases) and "parquet" not in options.cases:
        parser.error("tokens and training go on from the folder that parquet prepares; name parquet too")
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        bench = Bench(options, Path(work))
        if "movielens" in options.cases:
            bench.movielens()
        for case in ("parquet", "jsonl"):
            if case in options.cases:
                print(f"{options.rows:,} generated rows")
                bench.large(case)
        if "shards" in options.cases:
            bench.shards()


if __name__ == "__main__":
    main()
