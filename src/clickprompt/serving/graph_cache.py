"""What the server reads of a bundle, kept in a folder of its own: graph, vocabulary, index.

A bundle's files may be overwritten while they are served; what is mapped into memory must not be. And a graph takes
seconds to export, so it is kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from clickprompt import __version__
from clickprompt.bundle import MANIFEST, read_bundle_manifest, reads_words
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, new_folder, read_manifest, sha256_of, write_manifest

GRAPH = "model.onnx"
_ENTRY, _KIND, _FORMAT = "entry.json", "clickprompt serving cache", 1
_KEPT_SECONDS = 30 * 86_400
"""Entries that no server has opened for so long are deleted."""


class GraphCache:
    """A folder with an entry for each bundle: `<SHA-256 of its manifest and this version>/`.

    Several servers may share it: an entry is made once, under a lock, and appears whole.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or platformdirs.user_cache_path("clickprompt") / "serving"
        self._stop = threading.Event()

    def place(self, bundle: Path) -> Path:
        """Where the bundle's entry is, or will be."""
        key = f"{fingerprint_of(bundle)} {__version__} {_FORMAT}"
        return self.folder / hashlib.sha256(key.encode()).hexdigest()[:32]

    def entry(self, bundle: Path, *, behind: bool = False) -> Path:
        """Folder with the bundle's vocabulary, and its graph `model.onnx` unless it reads words.

        Made where it is not there; with `behind`, at low priority, for others are being served. Raises ClickPromptError
        where the bundle, or its export, is not right.
        """
        entry = self.place(bundle)
        read_bundle_manifest(bundle)
        if not _is_whole(entry):
            with clear_disk_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            with self._only_one(entry):
                if not _is_whole(entry):
                    self._make(bundle, entry, behind)
        with suppress(OSError):
            os.utime(entry)
        return entry

    def prune(self) -> None:
        """Delete entries that no server has opened for thirty days, and what interrupted ones left behind."""
        before = time.time() - _KEPT_SECONDS
        with suppress(OSError):
            for entry in self.folder.iterdir():
                if entry.stat().st_mtime < before:
                    if entry.is_dir():
                        shutil.rmtree(entry, ignore_errors=True)
                    else:
                        entry.unlink(missing_ok=True)

    def stop(self) -> None:
        """Give up an export that is under way."""
        self._stop.set()

    def _make(self, bundle: Path, entry: Path, behind: bool) -> None:
        manifest = read_bundle_manifest(bundle)
        with new_folder(entry) as new:
            for file in manifest["files"]:
                if file != "weights.safetensors" and "/" not in file:
                    shutil.copyfile(bundle / file, new / file)
                    if sha256_of(new / file) != manifest["files"][file]:
                        raise changed(bundle)
            if not reads_words(manifest):
                self._export(bundle, new / GRAPH, behind)
            if self.place(bundle) != entry:
                raise changed(bundle)
            write_manifest(new, _ENTRY, {"bundle": str(bundle)}, kind=_KIND, version=_FORMAT)

    def _export(self, bundle: Path, graph: Path, behind: bool) -> None:
        """In a process of its own, because exporting needs PyTorch and this process does not."""
        command = [sys.executable, "-m", "clickprompt", "export", str(bundle.resolve()), "--ids", "--external-data"]
        process = subprocess.Popen(
            [*command, "--out", str(graph)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        if behind:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        said = _wait(process, self._stop)
        if process.returncode:
            raise ClickPromptError(f"{bundle}: cannot be exported: {_last_line(said, process.returncode)}")

    @contextmanager
    def _only_one(self, entry: Path) -> Iterator[None]:
        """Hold a lock on the entry; the kernel lets it go when a process dies."""
        with clear_disk_errors(self.folder), (self.folder / f".{entry.name}.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self._stop.wait(0.1):
                        raise ClickPromptError(f"{entry}: not waited for, the server stops") from None
            yield


def fingerprint_of(bundle: Path) -> str:
    """SHA-256 of a bundle's manifest, which holds the SHA-256 of all its files."""
    with clear_disk_errors(bundle):
        return hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()


def changed(bundle: Path) -> ClickPromptError:
    """The error of a bundle that was replaced meanwhile."""
    return ClickPromptError(f"{bundle}: changed while it was read; leave it alone, or put the new one beside it")


def _is_whole(entry: Path) -> bool:
    try:
        read_manifest(entry, _ENTRY, kind=_KIND, version=_FORMAT)
    except ClickPromptError:
        return False
    return True


def _wait(process: subprocess.Popen[str], stop: threading.Event) -> str:
    """What the process said on standard error; it is ended where `stop` is set."""
    while True:
        try:
            return process.communicate(timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            if stop.is_set():
                process.terminate()


def _last_line(said: str, status: int) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else f"the command ended with status {status}"
