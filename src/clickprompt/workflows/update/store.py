"""A folder of versions of one model, `MODEL/1/`, `MODEL/2/` and so on, of which the newest is served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickprompt.bundle import MANIFEST, read_bundle_manifest
from clickprompt.leftovers import remove_leftovers
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, lock, new_folder


class ModelStore:
    """Versions are whole numbers, each a bundle that never changes, and no number is used twice: whoever serves the
    newest one may look at any moment. All else in the folder has a name that begins with a dot."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def versions(self) -> list[int]:
        """In ascending order."""
        if not self.path.is_dir():
            return []
        names = [path.name for path in self.path.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and not name.startswith("0"))

    @property
    def current(self) -> int:
        """The newest version. Raises ClickPromptError where there is none."""
        if not (versions := self.versions):
            raise ClickPromptError(f"{self.path}: neither a bundle nor a folder of versions of one (1/, 2/ and so on)")
        return versions[-1]

    @property
    def next(self) -> int:
        """Number of the version to come."""
        return max(self.versions, default=0) + 1

    @property
    def work(self) -> Path:
        """Where an update is made."""
        return self.path / ".update"

    def folder(self, version: int) -> Path:
        """Folder of a version's bundle."""
        return self.path / str(version)

    def rejected(self, version: int) -> Path:
        """Where a bundle goes that would have been this version, had it passed."""
        return self.path / ".rejected" / str(version)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block this process alone changes the folder; what killed ones have left is deleted first."""
        with lock(self.path):
            remove_leftovers(self.path)
            yield

    def publish(self, bundle: Path, *, move: bool = False) -> int:
        """Make a bundle the newest version, whole or not at all; return its number."""
        version = self.next
        with new_folder(self.folder(version)) as new:
            if move:
                for path in bundle.iterdir():
                    path.rename(new / path.name)
            else:
                shutil.copytree(bundle, new, dirs_exist_ok=True)
        if move:
            bundle.rmdir()
        return version

    def lineage(self, version: int) -> list[int]:
        """A version and those it was made of, the newest first, as far as they are here.

        A version that was published again after a rollback stands for its first appearance too.
        """
        by_fingerprint = {identity(self.folder(number)): number for number in reversed(self.versions)}
        found: list[int] = []
        at = identity(self.folder(version))
        while at is not None and by_fingerprint.get(at, 0) not in (0, *found):
            found.append(by_fingerprint[at])
            at = update_record(self.folder(found[-1])).get("parent")
        return found

    def withdrawn(self, files: Sequence[str]) -> int | None:
        """The newest version that learned from one of these files, by fingerprint, and that the newest of all is not
        made of."""
        known = {*files} - {*learned_files(self.folder(self.current))}
        learned = (version for version in self.versions if known & {*learned_files(self.folder(version))})
        return max(learned, default=None)


def has_learned(store: ModelStore | None, bundle: Path, made_of: dict[str, Any]) -> bool:
    """Whether a bundle has learned from all these files. Raises ClickPromptError where it has from some of them alone,
    or where a version that was rolled back has."""
    if store is not None and (version := store.withdrawn(made_of["rows"])) is not None:
        raise ClickPromptError(
            f"{store.folder(version)}: learned from these rows and is no longer served; say --force to learn them again"
        )
    known = {*learned_files(bundle)}
    again = [name for name, rows in zip(made_of["files"], made_of["rows"], strict=True) if rows in known]
    if again and len(again) < len(made_of["files"]):
        raise ClickPromptError(
            f"{', '.join(again[:3])}{', …' if again[3:] else ''}: {bundle} has learned from it already; leave it out, "
            "or say --force to learn it again"
        )
    return bool(again)


def identity(bundle: Path) -> str | None:
    """What tells a bundle from every other: its manifest's own sum; None where there is no such manifest."""
    return _manifest(bundle).get("manifest_sha256")


def update_record(bundle: Path) -> dict[str, Any]:
    """What a bundle says of the update that made it; empty where none has, or where it cannot be read."""
    record: dict[str, Any] = _manifest(bundle).get("provenance", {}).get("update", {})
    return record


def learned_files(bundle: Path) -> list[str]:
    """Fingerprints of the files that a bundle, or one that it was made of, has learned from."""
    return list(update_record(bundle).get("learned", []))


def _manifest(bundle: Path) -> dict[str, Any]:
    """Empty where it is damaged. Not checked against the files: that would read every byte of every version."""
    try:
        read_bundle_manifest(bundle, check_files=False)
        with clear_disk_errors(bundle):
            content: dict[str, Any] = json.loads((bundle / MANIFEST).read_bytes())
    except (ClickPromptError, ValueError):
        return {}
    return content
