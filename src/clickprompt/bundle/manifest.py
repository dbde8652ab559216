"""What a bundle says of itself, read without loading its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clickprompt.storage import read_manifest

MANIFEST = "bundle.json"
KIND = "clickprompt bundle"
FORMAT = 1


def read_bundle_manifest(folder: Path, *, check_files: bool = True) -> dict[str, Any]:
    """What a bundle says of itself; every file's SHA-256 is checked unless told otherwise. Raises ClickPromptError."""
    return read_manifest(folder, MANIFEST, kind=KIND, version=FORMAT, check_files=check_files)


def reads_words(manifest: Mapping[str, Any]) -> bool:
    """Whether the bundle of this manifest reads words: then a tokenizer is among its files."""
    return any(file.startswith("language_model/") for file in manifest["files"])
