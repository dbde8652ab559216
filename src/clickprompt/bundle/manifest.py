"""What a bundle says of itself, read without loading its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clickprompt.storage import read_manifest

MANIFEST = "bundle.json"
KIND = "clickprompt bundle"
FORMAT = 1


def read_bundle_manifest(folder: Path) -> dict[str, Any]:
    """What a bundle says of itself; every file's SHA-256 is checked. Raises ClickPromptError."""
    return read_manifest(folder, MANIFEST, kind=KIND, version=FORMAT)
