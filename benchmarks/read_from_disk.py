"""Reading a prepared folder that memory does not hold: how fast, and what it takes from training.

    python benchmarks/read_from_disk.py [--quick] [--json FILE] [--rows COUNT] [--folder FOLDER]

Rows of 15 fields are written as a prepared folder holds them, in random order, values by a power law (4.5 million).
First reading alone, batches of 4,096, each way in a process of its own: `blocks` reads shuffled blocks
(`training_order: shuffled`), `permutation` any row anywhere (`split`). `cold`: no page of the files is in memory at the
start; `warm`: all are; `scarce`: all pages are thrown out whenever 256 MB have been read since the last time, as a
machine without room for more would have to, if more harshly: what was read ahead goes too. `read` is what came from the
disk for each byte of the rows given out, in these seconds and before the first batch. At most 20 seconds each, from the
first batch on, before which an order of all rows is drawn.

Then DCNv2 (6 cross layers beside 6 × 256, embedding size 16) learns from the same files: rows a second, the share of
the time in which the training thread waited for rows, the share of the processor's time that reading took, and the most
memory that no file backs. For Linux, where it needs nothing but the right to read the files.
"""

from __future__ import annotations

import argparse
import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from disk_rows import FIELDS, FILES, VALUES, Watch, bytes_read, forget, write_rows

ROWS, QUICK_ROWS = 20_000_000, 500_000
SECONDS, QUICK_SECONDS = 20.0, 3.0
ORDERS, STATES = ("blocks", "permutation"), ("cold", "warm", "scarce")


def steps_of(folder: Path, order: str, batch: int) -> tuple[Any, list[mmap.mmap]]:
    """Training steps over the files, and their memory maps."""
    from clickprompt.batches import SplitReader, TrainingSteps
    from clickprompt.contracts import FieldStatistics
    from clickprompt.table import Split

    arrays = [np.load(folder / name, mmap_mode="r") for name in FILES]
    offsets = np.arange(FIELDS + 1) * (VALUES // FIELDS)
    names = tuple(f"field {n}" for n in range(FIELDS))
    about = FieldStatistics(names, ("context",) * FIELDS, offsets, np.ones(offsets[-1], np.int64))
    rows = np.arange(offsets[-1], dtype=np.int32)
    reader = SplitReader([Split(*arrays, None)], rows, about, shuffled_on_disk=order == "blocks")
    steps = TrainingSteps(reader, batch_size=batch, micro_batch_size=batch, seed=0, oov_dropout=0.01)
    return steps, [array.base for array in arrays]


def read(folder: Path, order: str, state: str, seconds: float) -> dict[str, float]:
    """Run in this process: rows a second."""
    steps, maps = steps_of(folder, order, 4096)
    watch = Watch(folder, maps, state == "scarce")
    before, rows, batches = bytes_read(), 0, steps.epoch(0)
    next(batches)  # comes after the order is drawn
    started = time.perf_counter()
    for [batch] in batches:
        rows += len(batch)
        if time.perf_counter() - started > seconds:
            break
    took = time.perf_counter() - started
    return {
        "rows_per_second": rows / took,
        "read_for_each_byte": (bytes_read() - before) / (rows * (4 * FIELDS + 1)),
        "anonymous_mb": watch.most,
    }


class Timed:
    """Steps whose making is timed: the seconds of the processor that it took."""

    def __init__(self, steps: Any) -> None:
        self.steps, self.steps_per_epoch, self.seconds = steps, steps.steps_per_epoch, 0.0

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        made = self.steps.epoch(epoch, start)
        while True:
            started = time.thread_time()
            step = next(made, None)
            self.seconds += time.thread_time() - started
            if step is None:
                return
            yield step


def learn(folder: Path, order: str, batch: int, seconds: float) -> dict[str, float]:
    """Run in this process: what training takes, and what of it reading does."""
    import torch

    from clickprompt.ctr import CTR_MODELS, build_ctr_model
    from clickprompt.methods import IDOnly
    from clickprompt.training import TrainingConfig, build_optimizer, choose_device, running, train
    from stopwatch import Enough, Stopwatch

    steps, maps = steps_of(folder, order, batch)
    watch, timed, waited, prefetch = Watch(folder, maps, False), Timed(steps), [0.0], running.prefetch

    def waiting(*arguments: Any) -> Iterator[Any]:
        items = prefetch(*arguments)
        while True:
            started = time.perf_counter()
            item = next(items, None)
            waited[0] += time.perf_counter() - started
            if item is None:
                return
            yield item

    running.prefetch = waiting
    torch.manual_seed(0)
    model = CTR_MODELS["dcn-v2"](embedding_dim=16, cross_layers=6, hidden_sizes=(256,) * 6)
    device = choose_device("auto")
    method = IDOnly(build_ctr_model(model, FIELDS, VALUES + FIELDS)).to(device)
    config = TrainingConfig(epochs=1, batch_size=batch, ctr_learning_rate=1e-3)
    optimizer = build_optimizer(method.parts(), {"ctr": 1e-3}, config, method.embedding_tables())
    clock = Stopwatch(seconds)
    at_start: dict[str, float] = {}

    def report(done: int, note: str) -> None:
        clock.step(batch)
        if clock.steps == 5:
            at_start.update(reading=timed.seconds, waited=waited[0])

    try:
        train(method, timed, method.click_loss, method.click_amount, optimizer, config, device, report=report)
        raise SystemExit("the rows ended before the clock did; ask for more rows")
    except Enough:
        passed = clock.stopped - clock.started
    return {
        "rows_per_second": clock.rows / passed,
        "waiting_share": (waited[0] - at_start["waited"]) / passed,
        "reading_share": (timed.seconds - at_start["reading"]) / clock.cpu,
        "cores_busy": clock.cpu / passed,
        "anonymous_mb": watch.most,
    }


def alone(*arguments: object) -> dict[str, float]:
    """Measured in a process of its own."""
    command = [sys.executable, __file__, "--alone", *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure(folder: Path, rows: int, seconds: float) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    size = sum((folder / name).stat().st_size for name in FILES)
    print(f"{rows:,} rows, {size / 1e9:.2f} GB\n{'reading alone':28}{'rows/s':>12}{'read':>8}{'anonymous MB':>14}")
    for state in STATES:
        for order in ORDERS:
            forget(folder)
            for name in FILES if state == "warm" else ():
                with (folder / name).open("rb") as file:
                    while file.read(1 << 24):
                        pass
            record = alone(folder, "read", order, state, seconds)
            records.append({"case": f"read, {rows:,} rows", "contender": f"{order}, {state}", **record})
            rate, times, memory = record.values()
            print(f"{f'{order}, {state}':28}{rate:12,.0f}{times:8.1f}{memory:14,.0f}", flush=True)
    print(f"{'training':28}{'rows/s':>12}{'waiting':>9}{'reading':>9}{'cores':>7}{'anonymous MB':>14}")
    for batch in (256, 4096):
        for order, state in (("blocks", "cold"), ("permutation", "warm")):
            if state == "cold":
                forget(folder)
            record = alone(folder, "learn", order, batch, seconds)
            name = f"{order}, {state}, batch {batch:,}"
            records.append({"case": f"train, {rows:,} rows", "contender": name, **record})
            rate, waiting, reading, cores, memory = record.values()
            print(f"{name:28}{rate:12,.0f}{waiting:9.1%}{reading:9.1%}{cores:7.2f}{memory:14,.0f}", flush=True)
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half a million rows: a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--folder", type=Path, help="where the files are made, and left; else a temporary folder")
    parser.add_argument("--alone", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        folder, task, order, detail, seconds = options.alone
        done = read(Path(folder), order, detail, float(seconds)) if task == "read" else None
        print(json.dumps(done or learn(Path(folder), order, int(detail), float(seconds))))
        return
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder, rows)
        records = measure(folder, rows, QUICK_SECONDS if options.quick else SECONDS)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
