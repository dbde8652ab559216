"""What `read_from_disk.py` reads: rows in files, whose pages can be thrown out of memory. For Linux; NumPy only."""

from __future__ import annotations

import mmap
import os
import threading
import time
from pathlib import Path

import numpy as np

FIELDS, VALUES = 15, 4_500_000
FILES = ("value_ids.npy", "labels.npy")
SCARCE = 256 << 20
"""Bytes read after which all pages are thrown out, where memory is scarce."""


def write_rows(folder: Path, rows: int) -> None:
    """The arrays of a training split."""
    random, each = np.random.default_rng(0), VALUES // FIELDS
    ids = np.lib.format.open_memmap(folder / FILES[0], "w+", np.int32, (rows, FIELDS))
    for start in range(0, rows, 1 << 18):
        some = ids[start : start + (1 << 18)]
        some[:] = each ** random.random(some.shape) - 1 + each * np.arange(FIELDS)
    np.save(folder / FILES[1], random.integers(0, 2, rows).astype(np.uint8))


def forget(folder: Path) -> None:
    """Let go of all pages of the files that no process has mapped."""
    for name in FILES:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def status(name: str) -> float:
    """A line of this process' status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def bytes_read() -> int:
    """What this process has had to read from a disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


class Watch(threading.Thread):
    """Notes the most anonymous memory; where memory is scarce, throws out what has been read."""

    def __init__(self, folder: Path, maps: list[mmap.mmap], scarce: bool) -> None:
        super().__init__(daemon=True)
        self.folder, self.maps, self.scarce = folder, maps, scarce
        self.most = 0.0
        self.start()

    def run(self) -> None:
        last = bytes_read()
        while True:
            self.most = max(self.most, status("RssAnon"))
            if self.scarce and bytes_read() - last > SCARCE:
                for held in self.maps:
                    held.madvise(mmap.MADV_DONTNEED)
                forget(self.folder)
                last = bytes_read()
            time.sleep(0.02)
