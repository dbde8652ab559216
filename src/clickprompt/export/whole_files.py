"""Files that belong together, kept only once all of them are good."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, sync


@contextmanager
def whole_files(path: Path) -> Iterator[Path]:
    """Yield a place named as `path` in a temporary folder beside it; on success what was written there is synced and
    moved to `path`'s folder, the file itself last; on failure nothing is left, and older files stay as they were.
    Weights (`<name>.data`) that lay beside an older file and belong to nothing now are deleted.

    Raises ClickPromptError where `path` is a folder, or the disk refuses.
    """
    if path.is_dir():
        raise ClickPromptError(f"--out {path}: this is a folder; name a file, such as {path / 'model.onnx'}")
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            yield temporary / path.name
            written = sorted(temporary.iterdir(), key=lambda file: file.name == path.name)
            for file in written:
                sync(file)
                file.replace(path.with_name(file.name))
            if len(written) == 1:
                data_beside(path).unlink(missing_ok=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def data_beside(path: Path) -> Path:
    """Where the weights of an ONNX file are that are not in it."""
    return path.with_name(f"{path.name}.data")
