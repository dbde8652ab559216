"""Folders that are written whole or not at all, and noticed when a byte of them changes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    return ClickPromptError(f"{error.filename or path}: {reason}")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success sync it and rename it to `path`, on failure leave nothing.

    An older folder at `path` is replaced only then.
    """
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            temporary.chmod(0o777 & ~_umask())
            yield temporary
            for file in [*temporary.rglob("*"), temporary]:
                sync(file)
            _swap(temporary, path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


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
    for file, expected in manifest["files"].items() if check_files else ():
        if not (folder / file).is_file():
            raise ClickPromptError(f"{folder}: {kind} is incomplete, {file} is missing; delete it and make it again")
        with clear_disk_errors(folder / file):
            if sha256_of(folder / file) != expected:
                raise _changed(folder / file, folder)
    return manifest


def write_manifest(folder: Path, name: str, content: dict[str, Any], *, kind: str, version: int) -> None:
    """Write the manifest that `read_manifest` checks, with the SHA-256 of every file now in the folder."""
    from clickprompt import __version__

    manifest = {
        "kind": kind,
        "format_version": version,
        "clickprompt_version": __version__,
        **content,
        "files": checksums(folder),
    }
    manifest = json.loads(json.dumps(manifest))
    text = json.dumps({**manifest, "manifest_sha256": _manifest_sha256(manifest)}, indent=2, ensure_ascii=False)
    write_file(folder / name, text + "\n")


def _changed(path: Path, folder: Path) -> ClickPromptError:
    return ClickPromptError(
        f"{path}: changed since it was written (SHA-256 differs); delete {folder} and make it again"
    )


def _manifest_sha256(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _swap(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    path.rename(old / path.name)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


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
