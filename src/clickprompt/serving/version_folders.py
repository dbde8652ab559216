"""Which folders hold versions of models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clickprompt.bundle import MANIFEST
from clickprompt.storage import clear_disk_errors

_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]*")
_TEMPORARY = ("~", ".tmp", ".part", ".partial")


Key = tuple[str, str]
"""Name and version of a model."""
Stamps = tuple[tuple[str, int, int, int], ...]
"""Path, size, time of change and number of each file: they change when a file does."""


@dataclass(frozen=True)
class VersionFolder:
    """Where a version of a model should be."""

    name: str
    version: str
    path: Path

    @property
    def key(self) -> Key:
        """Name and version."""
        return self.name, self.version

    @property
    def has_manifest(self) -> bool:
        """Whether it is a bundle, or about to be one: the manifest may have come before other files."""
        return (self.path / MANIFEST).is_file()


def version_folders(path: Path) -> dict[str, list[VersionFolder]]:
    """By model, its versions, newest first.

    A bundle is version 1 of the model of its folder's name, or version N of the model of the folder around it where its
    own name is N. Otherwise the folder's bundles count, and the folders N in its other folders. Hidden and temporary
    names are passed over. Raises ClickPromptError where the folder cannot be read.
    """
    found: dict[tuple[str, str], VersionFolder] = {}
    with clear_disk_errors(path):
        for folder in _in(path):
            found.setdefault((folder.name, folder.version), folder)
    newest = sorted(found.values(), key=lambda folder: (folder.name, -int(folder.version)))
    return {
        name: [folder for folder in newest if folder.name == name] for name in dict.fromkeys(f.name for f in newest)
    }


def stamps_of(path: Path) -> Stamps:
    """Tells whether any file below a folder has changed, without reading it; nothing where the folder is gone."""
    stamps = []
    for file in sorted(path.rglob("*")):
        with suppress(OSError):
            of = file.stat()
            stamps.append((str(file.relative_to(path)), of.st_size, of.st_mtime_ns, of.st_ino))
    return tuple(stamps)


def _in(path: Path) -> Iterator[VersionFolder]:
    if (path / MANIFEST).is_file():
        yield _of_bundle(path.resolve() if path.name in ("", ".", "..") else path.absolute())
        return
    for inside in _folders(path):
        if (inside / MANIFEST).is_file():
            yield _of_bundle(inside.absolute())
        else:
            yield from (_of_bundle(folder.absolute()) for folder in _folders(inside) if _is_version(folder))


def _of_bundle(path: Path) -> VersionFolder:
    if _is_version(path) and path.parent.name:
        return VersionFolder(path.parent.name, path.name, path)
    return VersionFolder(path.name, "1", path)


def _is_version(path: Path) -> bool:
    return _WHOLE_NUMBER.fullmatch(path.name) is not None


def _folders(path: Path) -> list[Path]:
    return [
        inside
        for inside in sorted(path.iterdir())
        if inside.is_dir() and not inside.name.startswith(".") and not inside.name.endswith(_TEMPORARY)
    ]
