"""A calibrator on disk: one small JSON file in a bundle."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clickprompt.calibration.fit import AnyCalibrator, Calibrator
from clickprompt.settings import ClickPromptError, explain
from clickprompt.storage import clear_disk_errors, write_file

CALIBRATION_FILE = "calibration.json"


def write_calibrator(folder: Path, calibrator: Calibrator) -> None:
    """Write `calibration.json` into a folder; numbers read back exactly."""
    write_file(folder / CALIBRATION_FILE, json.dumps(calibrator.model_dump(), indent=2) + "\n")


def read_calibrator(folder: Path) -> Calibrator | None:
    """What `write_calibrator` wrote; None where there is no such file. Raises ClickPromptError where it is damaged."""
    path = folder / CALIBRATION_FILE
    if not path.exists():
        return None
    with clear_disk_errors(path):
        text = path.read_bytes()
    try:
        content = json.loads(text)
        return TypeAdapter(AnyCalibrator).validate_python(content)
    except ValidationError as error:
        raise explain(error, str(path), content) from None
    except ValueError:
        raise ClickPromptError(f"{path}: damaged, it is no longer JSON; make the bundle again") from None
