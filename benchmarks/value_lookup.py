"""Finding embedding rows by text: this library's index beside a Python dict and what Arrow offers.

    python benchmarks/value_lookup.py [--quick] [--json FILE] [--values COUNT]

Values are distinct texts of 12 letters in 8 fields. Each contender runs in a process of its own, which opens the same
vocabulary by memory map. `build` is what an index costs once, when a bundle is written; `open` what each process that
serves must do before the first look-up: for a dict that is to build it. Anonymous memory is what opening adds that no
file backs. Look-ups are of texts drawn by their frequency (Zipf), of texts drawn evenly, and of texts that are not
there: the fastest of three passes over the same 200,000, one after another. Arrow builds a hash table of a field anew
in each call, so it is asked for 2,000 texts of one field at once. Seconds are the processor's.

Then whole requests, values drawn by their frequency: one row of 8 fields, and 500 candidates of 4 fields beside 4 that
they share; by `RowEncoder`, which the server uses, and by `Vocabulary.encode`, made for columns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickprompt.table import RowEncoder, Vocabulary
from clickprompt.table.value_index import VALUE_INDEX_FILE, ValueIndex

VALUES, QUICK_VALUES = 4_570_000, 200_000
LOOKUPS, AT_ONCE, REPEATS = 200_000, 2_000, 3
FIELDS, REQUESTS, CANDIDATES = 8, 2_000, 500
CONTENDERS = ("clickprompt", "dict", "pyarrow index_in")
Keys = list[tuple[int, str]]


def seconds_of(run: Callable[[], object]) -> float:
    """Processor time, which others at work on the machine stretch less than the clock's."""
    started = time.process_time()
    run()
    return time.process_time() - started


def anonymous_mb() -> float:
    """Memory of this process that no file backs (Linux)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def drawn(vocabulary: Vocabulary, zipf: bool) -> Keys:
    """Texts to look up, with their fields."""
    random, offsets = np.random.default_rng(0), vocabulary.statistics.offsets
    fields = random.integers(0, len(offsets) - 1, LOOKUPS)
    sizes = (offsets[1:] - offsets[:-1])[fields]
    share = random.random(LOOKUPS)
    rows = offsets[fields] + (sizes**share - 1 if zipf else sizes * share).astype(np.int64)
    return list(zip(fields.tolist(), vocabulary.texts.take(pa.array(rows)).to_pylist(), strict=True))


def finder(contender: str, vocabulary: Vocabulary) -> Callable[[Keys], object]:
    """What looks up many texts, one after another."""
    offsets = vocabulary.statistics.offsets.tolist()
    parts = [vocabulary.texts.slice(start, stop - start) for start, stop in pairwise(offsets)]
    if contender == "clickprompt":
        find = vocabulary.index.find
        return lambda keys: [find(place, text) for place, text in keys]
    if contender == "dict":
        known = [
            dict(zip(part.to_pylist(), range(start, start + len(part)), strict=True))
            for part, start in zip(parts, offsets, strict=False)
        ]
        return lambda keys: [known[place].get(text) for place, text in keys]
    return lambda keys: pc.index_in(pa.array([text for _, text in keys], pa.large_string()), value_set=parts[0])


def measure(contender: str, folder: Path) -> dict[str, Any]:
    """Run in this process: what it costs to build and to open, memory, and look-ups a second."""
    before, started = anonymous_mb(), time.process_time()
    vocabulary = Vocabulary.load(folder)
    find = finder(contender, vocabulary)
    record: dict[str, Any] = {"open_seconds": time.process_time() - started, "anonymous_mb": anonymous_mb() - before}
    keys = {"zipf": drawn(vocabulary, zipf=True), "even": drawn(vocabulary, zipf=False)}
    keys["absent"] = [(place, text + "?") for place, text in keys["even"]]
    if contender == "pyarrow index_in":
        keys = {case: [(0, text) for place, text in some if place == 0][:AT_ONCE] for case, some in keys.items()}
    for case, some in keys.items():
        seconds = min(seconds_of(lambda some=some: find(some)) for _ in range(REPEATS))
        record[f"{case}_lookups_per_second"] = len(some) / seconds
    if contender == "clickprompt":
        offsets, schema = vocabulary.statistics.offsets, vocabulary.schema
        record["build_seconds"] = seconds_of(lambda: ValueIndex.build(vocabulary.texts, offsets, schema))
    return record


def requests(vocabulary: Vocabulary, candidates: int, count: int) -> list[tuple[list[dict[str, str]], dict[str, str]]]:
    """Candidates and what they share, texts drawn by frequency."""
    names, drawn_texts = vocabulary.schema.names, drawn(vocabulary, zipf=True)
    pool = [[text for place, text in drawn_texts if place == field] for field in range(FIELDS)]
    own = names if candidates == 1 else names[FIELDS // 2 :]
    random = np.random.default_rng(1)

    def row(fields: tuple[str, ...]) -> dict[str, str]:
        return {name: pool[names.index(name)][random.integers(0, 10_000)] for name in fields}

    others = tuple(name for name in names if name not in own)
    return [([row(own) for _ in range(candidates)], row(others)) for _ in range(count)]


def measure_requests(contender: str, folder: Path) -> dict[str, Any]:
    """Run in this process: microseconds a request, the first pass over them apart."""
    vocabulary = Vocabulary.load(folder)
    encoder = RowEncoder(vocabulary)

    def columns(rows: list[dict[str, str]], shared: dict[str, str]) -> object:
        return vocabulary.encode({name: [{**shared, **row}[name] for row in rows] for name in vocabulary.schema.names})

    encode = encoder.encode_rows if contender == "RowEncoder" else columns
    record = {}
    for case, candidates, count in (("row", 1, REQUESTS), ("candidates", CANDIDATES, REQUESTS // CANDIDATES * 10)):
        some = requests(vocabulary, candidates, count)
        passes = [seconds_of(lambda some=some: [encode(*request) for request in some]) for _ in range(1 + REPEATS)]
        record[f"{case}_first_microseconds"] = passes[0] / count * 1e6
        record[f"{case}_microseconds"] = min(passes[1:]) / count * 1e6
    return record


def alone(contender: str, folder: str) -> dict[str, Any]:
    """A contender's record, measured in a process of its own."""
    command = [sys.executable, __file__, "--alone", contender, folder]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 thousand values: seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--values", type=int)
    parser.add_argument("--alone", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        contender, folder = options.alone
        print(json.dumps((measure if contender in CONTENDERS else measure_requests)(contender, Path(folder))))
        return
    values = options.values or (QUICK_VALUES if options.quick else VALUES)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        from clickprompt.testing.bundles import large_vocabulary

        large_vocabulary(values, FIELDS).save(Path(folder))
        size = (Path(folder) / VALUE_INDEX_FILE).stat().st_size / 1e6
        print(f"{values:,} values; index {size:.0f} MB on disk; least of {REPEATS}")
        print(f"{'':18}{'build s':>9}{'open s':>9}{'anonymous MB':>14}{'Zipf /s':>13}{'even /s':>13}{'absent /s':>13}")
        for contender in CONTENDERS:
            record = {"case": f"{values:,} values", "contender": contender, **alone(contender, folder)}
            records.append(record)
            rates = "".join(f"{record[f'{case}_lookups_per_second']:13,.0f}" for case in ("zipf", "even", "absent"))
            print(
                f"{contender:18}{record.get('build_seconds', 0):9.2f}{record['open_seconds']:9.3f}"
                f"{record['anonymous_mb']:14.1f}{rates}",
                flush=True,
            )
        print(f"{'us a request':18}{'1 row, first':>14}{'again':>9}{f'{CANDIDATES} candidates, first':>23}{'again':>9}")
        for contender in ("RowEncoder", "Vocabulary.encode"):
            record = {"case": f"requests, {values:,} values", "contender": contender, **alone(contender, folder)}
            records.append(record)
            print(
                f"{contender:18}{record['row_first_microseconds']:14.1f}{record['row_microseconds']:9.1f}"
                f"{record['candidates_first_microseconds']:23,.0f}{record['candidates_microseconds']:9,.0f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
