"""A run's folder: where each step keeps its result, and how it knows that the result still holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickprompt import __version__
from clickprompt.leftovers import remove_leftovers
from clickprompt.settings import ClickPromptError
from clickprompt.storage import fingerprint, lock, new_folder, read_manifest, write_manifest
from clickprompt.training import DeviceName, Precision, choose_device, wants_bfloat16

_STEP = "step.json"
_STEP_FORMAT = 1
NUMBERS = 2
"""Raised when the same settings come to give other numbers."""


class RunFolder:
    """`prepared/`, `steps/<name>/`, `bundles/<model>/` and the reports of one run.

    `shared`: places outside `path` for steps that several runs have in common, by name. `resume`: whether trainings go
    on from the checkpoints that an earlier start has left.
    """

    def __init__(
        self,
        path: Path,
        prepared: Path | None = None,
        shared: Mapping[str, Path] | None = None,
        resume: bool = True,
    ) -> None:
        self.path = path
        self.prepared = prepared or path / "prepared"
        self.shared = dict(shared or {})
        self.resume = resume

    def step(self, name: str) -> Path:
        """Folder of a step's result."""
        return self.shared.get(name) or self.path / "steps" / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block this process alone works in the folder; what killed ones have left is deleted.

        Raises ClickPromptError where another works in it.
        """
        with lock(self.path):
            tokens = self.prepared.parent / f"{self.prepared.name}.tokens"
            for folder in (self.path, self.path / "steps", self.path / "bundles", tokens):
                remove_leftovers(folder)
            remove_leftovers(self.prepared.parent, self.prepared.name)
            yield

    def checkpoints(self, name: str) -> Path:
        """Folder of the checkpoints of a step that is being trained."""
        step = self.step(name)
        return step.parent.parent / "checkpoints" / step.name

    def bundle(self, model: str) -> Path:
        """Folder of a model's bundle."""
        return self.path / "bundles" / model

    def done(self, name: str, inputs: str) -> dict[str, Any] | None:
        """What a step wrote, if it was made from these very inputs; None if it must be done (again)."""
        folder = self.step(name)
        if not folder.exists():
            return None
        manifest = read_manifest(folder, _STEP, kind="step of a run", version=_STEP_FORMAT)
        return manifest["result"] if manifest["inputs"] == inputs else None

    @contextmanager
    def write_step(self, name: str, inputs: str, result: dict[str, Any]) -> Iterator[Path]:
        """A folder for a step's files, kept only if the block ends well."""
        with new_folder(self.step(name)) as folder:
            yield folder
            content = {"inputs": inputs, "result": result}
            write_manifest(folder, _STEP, content, kind="step of a run", version=_STEP_FORMAT)

    def step_history(self, name: str) -> list[dict[str, Any]]:
        """History records of a finished step; none if it has not been done."""
        path = self.step(name) / "history.json"
        if not path.exists():
            return []
        try:
            return json.loads(path.read_text())
        except ValueError:
            raise ClickPromptError(f"{path}: damaged; delete {path.parent} and run again") from None


def inputs_of(**parts: Any) -> str:
    """Fingerprint of everything that decides a step's result; this library's version and `NUMBERS` are part of it."""
    return fingerprint({**parts, "clickprompt": __version__, "numbers": NUMBERS})


def machine(device: DeviceName, precision: Precision, *, words: bool) -> dict[str, Any]:
    """What of the machine decides a step's numbers: the kind of processor, and the precision it computes in."""
    chosen = choose_device(device)
    return {"device": chosen.type, "bfloat16": wants_bfloat16(chosen, precision, reads_words=words)}
