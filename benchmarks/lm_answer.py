"""A process run to its end, and its line of JSON. Standard library only."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def answer(command: list[str], name: str = "") -> dict[str, Any] | None:
    """What a process reports; None, and a line of why, where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name or Path(command[1]).name}: failed: {reason}", flush=True)
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    try:
        return json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        print(f"{name or Path(command[1]).name}: failed: ended without its line of JSON", flush=True)
        return None
