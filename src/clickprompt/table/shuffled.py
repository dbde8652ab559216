"""A uniform random order of more rows than memory should hold, by Rao's and Sandelius' method."""

from __future__ import annotations

import math
from io import BufferedWriter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from clickprompt.storage import clear_disk_errors

ROWS_AT_ONCE = 1 << 23
"""Row numbers that are shuffled in memory: at most 64 MiB of them, twice."""
_DEALT_AT_ONCE = 1 << 20
_MOST_BUCKETS = 256
_STREAM = 104
"""Draws of their own, whatever else goes by the same seed."""
_FILE = "shuffled_order.npy"


def shuffled_order(rows: np.ndarray, seed: int, scratch: Path, most: int = ROWS_AT_ONCE) -> np.ndarray:
    """The row numbers (rows,) in an order drawn by `seed`, all orders equally likely; a read-only memory map, int64.

    Each row goes to a bucket drawn evenly; the buckets, shuffled one by one, are laid end to end. A bucket is a file
    and is shuffled in memory; one of more than `most` rows is dealt out again. `rows` may be a memory map and is read
    once, from one end to the other; the result is a file in `scratch`, where buckets take as much room meanwhile.
    Sources: Rao, Sankhyā 25 (1961); Sandelius, JRSS B 24 (1962).
    """
    path = scratch / _FILE
    random = np.random.default_rng([seed, _STREAM])
    with clear_disk_errors(scratch), path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.int64)), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, header | {"shape": (len(rows),)})
        _write_shuffled(rows, file, random, scratch, most)
    return np.asarray(np.load(path, mmap_mode="r"))


def _write_shuffled(
    rows: np.ndarray, file: BufferedWriter, random: np.random.Generator, scratch: Path, most: int
) -> None:
    if len(rows) <= most:
        shuffled = np.array(rows, dtype=np.int64)
        random.shuffle(shuffled)
        shuffled.tofile(file)
        return
    with TemporaryDirectory(dir=scratch) as folder:
        paths = _deal_out(rows, random, Path(folder), most)
        for path in paths:
            bucket = np.fromfile(path, dtype=np.int64) if path.stat().st_size <= 8 * most else np.memmap(path, np.int64)
            _write_shuffled(bucket, file, random, scratch, most)
            path.unlink()


def _deal_out(rows: np.ndarray, random: np.random.Generator, folder: Path, most: int) -> list[Path]:
    """Bucket files of about `most` / 2 rows, or as many as may be."""
    count = min(_MOST_BUCKETS, math.ceil(2 * len(rows) / most))
    paths = [folder / f"{number}" for number in range(count)]
    files = [path.open("wb") for path in paths]
    try:
        for start in range(0, len(rows), _DEALT_AT_ONCE):
            some = np.asarray(rows[start : start + _DEALT_AT_ONCE], dtype=np.int64)
            buckets = random.integers(0, count, len(some), dtype=np.uint8)
            ordered = some[np.argsort(buckets, kind="stable")]
            ends = np.cumsum(np.bincount(buckets, minlength=count))
            for file, part in zip(files, np.split(ordered, ends[:-1]), strict=True):
                part.tofile(file)
    finally:
        for file in files:
            file.close()
    return paths
