"""Going back to what was served before."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from clickprompt.bundle import read_bundle_manifest
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.update.store import ModelStore, identity, update_record

_WEIGHTS = "weights.safetensors"


def rollback(path: Path) -> tuple[int, int]:
    """Publish what the newest version was made of once more, as the newest; return its number, and its first one.

    Nothing is moved or deleted under a server that looks at the folder, and no number comes to mean another bundle.
    Where a byte of the newest version has changed, an older one that is the same bundle comes first, for it had been
    published again. Older versions of which a byte has changed are passed over. Raises ClickPromptError where there is
    none to go back to.
    """
    store = ModelStore(path)
    _ = store.current  # a folder without versions gets no lock
    with store.locked():
        current, told = store.current, ""
        for before in dict.fromkeys(_before(store, current)):
            fault = _fault(store.folder(before))
            if fault is None:
                return store.publish(store.folder(before)), before
            told = told or f"; {fault}"
        where = store.folder(current)
        raise ClickPromptError(f"{where}: the version that it was made of is not here to go back to{told}")


def _before(store: ModelStore, current: int) -> Iterator[int]:
    """Versions to go back to, the best first."""
    folder, lineage = store.folder(current), store.lineage(current)
    if _fault(folder) is None:
        yield from lineage[1:]
        return
    yield from (version for version in lineage if version != current)
    if lineage[:1] not in ([], [current]) or update_record(folder):
        return
    # It does not say what it was made of: it is damaged, or no update has made it.
    older = [version for version in store.versions[-2::-1] if identity(store.folder(version)) is not None]
    yield from (version for version in older if _same_weights(store.folder(version), folder))
    yield from store.lineage(older[0]) if older else []


def _fault(folder: Path) -> ClickPromptError | None:
    """What has changed since a bundle was written."""
    try:
        read_bundle_manifest(folder)
    except ClickPromptError as error:
        return error
    return None


def _same_weights(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return filecmp.cmp(one / _WEIGHTS, other / _WEIGHTS, shallow=False)
    return False
