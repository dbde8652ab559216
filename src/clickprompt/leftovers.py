"""Temporary names beside the final ones: locked while they are written, deleted once their writer is dead."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

_NAME = re.compile(r"\.(?P<final>.+)\.(?P<kind>partial|replaced)-[a-z0-9_]{8}")
Kind = Literal["partial", "replaced"]
"""What is being written, or an older folder on its way out, which comes back where its place stayed empty."""


@contextmanager
def temporary_folder(path: Path, kind: Kind = "partial") -> Iterator[Path]:
    """A new folder beside `path`, gone after the block; it may have been renamed by then."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix(path, kind), dir=path.parent))
        descriptor = os.open(folder, os.O_RDONLY)
        if _lock(descriptor) is not False and folder.exists():
            break
        os.close(descriptor)  # somebody who tidied up was faster
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def temporary_file(path: Path) -> Iterator[tuple[int, Path]]:
    """A new file beside `path`, its descriptor and its name; gone after the block unless it was renamed."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_prefix(path, "partial"), dir=path.parent)
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)
    try:
        yield descriptor, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(descriptor)


def remove_leftovers(folder: Path, final: str | None = None) -> None:
    """Delete what writers that were killed have left in a folder, of the name `final` alone where it is given.

    Those at work hold locks and are left alone; where the disk knows no locks, so is everything. An older folder whose
    place is empty, for its writer was killed between two renames, is put back first.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return
    found = [(folder / name, match) for name in names if (match := _NAME.fullmatch(name))]
    mine = [(path, match) for path, match in found if final is None or match["final"] == final]
    for path, match in sorted(mine, key=lambda one: one[1]["kind"], reverse=True):
        with suppress(OSError):
            _remove(path, folder / match["final"])


def _remove(path: Path, final: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if not _lock(descriptor):
            return
        older = path / final.name
        if older.is_dir() and not final.exists() and "replaced-" in path.name:
            older.rename(final)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _prefix(path: Path, kind: Kind) -> str:
    return f".{path.name}.{kind}-"


def _lock(descriptor: int) -> bool | None:
    """Whether the lock is ours now; it goes with the process. None where the disk or the system knows no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, ImportError):
        return None
    return True
