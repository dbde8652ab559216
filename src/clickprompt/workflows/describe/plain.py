"""A description as JSON, for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from clickprompt.storage import write_file
from clickprompt.workflows.describe.description import Description


def write_json(path: Path, description: Description) -> None:
    """Write the description with the names of its attributes; ClickPromptError where the disk refuses."""
    write_file(path, json.dumps(asdict(description), indent=2, ensure_ascii=False) + "\n")
