"""Going back to what was served before."""

from __future__ import annotations

from pathlib import Path

from clickprompt.bundle import read_bundle_manifest
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.update.store import ModelStore, identity


def rollback(path: Path) -> tuple[int, int]:
    """Publish what the newest version was made of once more, as the newest; return its number, and its first one.

    Nothing is moved or deleted under a server that looks at the folder, and no number comes to mean another bundle.
    Where the newest version cannot be read, the one before it is taken. Raises ClickPromptError where there is none, or
    where a byte of it has changed.
    """
    store = ModelStore(path)
    _ = store.current  # a folder without versions gets no lock
    with store.locked():
        current = store.current
        lineage = store.lineage(current)
        if identity(store.folder(current)) is None:
            lineage = store.versions[::-1]
        if len(lineage) < 2:
            raise ClickPromptError(
                f"{store.folder(current)}: the version that it was made of is not here to go back to"
            )
        before = lineage[1]
        read_bundle_manifest(store.folder(before))
        return store.publish(store.folder(before)), before
