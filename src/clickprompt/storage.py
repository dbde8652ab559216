"""Folders that are written whole or not at all, and noticed when a byte of them changes."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from clickprompt.leftovers import remove_leftovers, temporary_file, temporary_folder
from clickprompt.settings import ClickPromptError


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """SHA-256 (first 16 hexadecimal digits) of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def clear_disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into one clear line."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> ClickPromptError:
    """The one line for an operating system error met at `path`."""
    reasons = {
        errno.ENOSPC: "no space left on the disk; free some or choose another place",
        errno.EDQUOT: "the disk quota is used up; free some space or choose another place",
        errno.EACCES: "no permission; choose another place or change its permissions",
        errno.EPERM: "no permission; choose another place or change its permissions",
        errno.EROFS: "the disk is read-only; choose another place",
        errno.ENOENT: "no such file or folder",
        errno.ENOTDIR: "a part of this path is a file, not a folder",
        errno.EEXIST: "there is a file where a folder should be; choose another place",
        errno.EISDIR: "this is a folder, a file was expected",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    if error.errno is None and re.search(r"\d requested and \d+ written", reason):  # NumPy's word for a full disk
        reason = reasons[errno.ENOSPC]
    return ClickPromptError(f"{error.filename or path}: {reason}")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success sync it and rename it to `path`, on failure leave nothing.

    An older folder at `path` is replaced only then. What writers that were killed have left of it goes.
    """
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, path.name)
        with temporary_folder(path) as temporary:
            temporary.chmod(0o777 & ~_umask())
            yield temporary
            for file in [*temporary.rglob("*"), temporary]:
                sync(file)
            _swap(temporary, path)
            sync(path.parent)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as (descriptor, temporary):
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content.encode() if isinstance(content, str) else content)
            os.fsync(descriptor)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Within the block no other process gets this folder's lock; it goes with the process, however that ends.

    Raises ClickPromptError that names the other process.
    """
    import fcntl

    path = folder / ".lock"
    with clear_disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip() or "another process"
            raise ClickPromptError(f"{folder}: {who} is working here; wait for it or choose another folder") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path inside."""
    return {str(file.relative_to(folder)): sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def read_manifest(folder: Path, name: str, *, kind: str, version: int, check_files: bool = True) -> dict[str, Any]:
    """Read `folder/name` and check that it is a `kind` of this format version and that no listed file has changed.

    The manifest holds `kind`, `format_version` and `files`: SHA-256 by path inside the folder. Without `check_files` it
    is read alone. Raises ClickPromptError that names the folder, the file, and what to do.
    """
    path = folder / name
    if not folder.is_dir():
        raise ClickPromptError(f"{folder}: no such folder; a {kind} was expected")
    if not path.is_file():
        raise ClickPromptError(f"{folder}: not a {kind}, it has no {name}")
    with clear_disk_errors(path):
        content = path.read_bytes()
    try:
        manifest = json.loads(content)
    except ValueError:
        raise ClickPromptError(f"{path}: damaged, it is no longer JSON; delete {folder} and make it again") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != kind or not isinstance(manifest.get("files"), dict):
        raise ClickPromptError(f"{path}: not the description of a {kind}")
    if manifest.get("format_version") != version:
        raise ClickPromptError(
            f"{folder}: {kind} of format {manifest.get('format_version')}, written by clickprompt "
            f"{manifest.get('clickprompt_version', '?')}; this version reads format {version}: make it again"
        )
    if manifest.pop("manifest_sha256", None) != _manifest_sha256(manifest):
        raise _changed(path, folder)
    for file, expected in manifest["files"].items():
        if not _is_inside(folder, file):
            raise ClickPromptError(f"{folder}: {kind} lists {file}, which lies outside of it; do not use this folder")
        if not check_files:
            continue
        if not (folder / file).is_file():
            raise ClickPromptError(f"{folder}: {kind} is incomplete, {file} is missing; delete it and make it again")
        with clear_disk_errors(folder / file):
            if sha256_of(folder / file) != expected:
                raise _changed(folder / file, folder)
    return manifest


def write_manifest(
    folder: Path,
    name: str,
    content: dict[str, Any],
    *,
    kind: str,
    version: int,
    files: dict[str, str] | None = None,
) -> None:
    """Write the manifest that `read_manifest` checks, with the SHA-256 of every file now in the folder.

    `files`: its `checksums`, where they have just been taken.
    """
    from clickprompt import __version__

    manifest = {
        "kind": kind,
        "format_version": version,
        "clickprompt_version": __version__,
        **content,
        "files": checksums(folder) if files is None else files,
    }
    manifest = json.loads(json.dumps(manifest))
    text = json.dumps({**manifest, "manifest_sha256": _manifest_sha256(manifest)}, indent=2, ensure_ascii=False)
    write_file(folder / name, text + "\n")


def _is_inside(folder: Path, file: str) -> bool:
    """Whether a listed path leads to somewhere below the folder, through links too."""
    relative = PurePosixPath(file)
    if relative.is_absolute() or ".." in relative.parts or "\0" in file:
        return False
    return (folder / relative).resolve().is_relative_to(folder.resolve())


def _changed(path: Path, folder: Path) -> ClickPromptError:
    return ClickPromptError(
        f"{path}: changed since it was written (SHA-256 differs); delete {folder} and make it again"
    )


def _manifest_sha256(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _swap(new: Path, path: Path) -> None:
    """Rename `new` to `path`; an older folder there is exchanged with it, so that at every moment one of them is."""
    if not path.exists():
        new.rename(path)
        return
    if exchange(new, path):
        shutil.rmtree(new, ignore_errors=True)
        return
    with temporary_folder(path, "replaced") as old:  # from where `remove_leftovers` puts it back
        try:
            path.rename(old / path.name)
            new.rename(path)
        except BaseException:  # a signal to stop too
            if not path.exists():
                (old / path.name).rename(path)
            raise


def exchange(one: Path, other: Path) -> bool:
    """Give two existing paths each other's names in one go; False where the system or the disk cannot (not Linux)."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    if libc is None or not hasattr(libc, "renameat2"):
        return False
    at_working_folder, exchange_names = -100, 2
    return not libc.renameat2(
        at_working_folder, os.fsencode(one), at_working_folder, os.fsencode(other), exchange_names
    )


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
