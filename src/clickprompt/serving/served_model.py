"""A version of a model that answers requests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickprompt.serving.scorer import Scorer


@dataclass(frozen=True, eq=False)
class ServedModel:
    """One version of one model, loaded and checked. Requests hold on to it until they are answered."""

    name: str
    version: str
    """A whole number as text."""
    scorer: Scorer
    bundle: Path
    manifest: dict[str, Any]
    """What the bundle says of itself."""
    fingerprint: str
    """SHA-256 of the bundle's manifest, which holds the SHA-256 of all its files."""
    load_seconds: float
