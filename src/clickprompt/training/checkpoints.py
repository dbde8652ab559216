"""Checkpoints: a training loop's state on disk, written beside the training, whole or not at all."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pydantic import Field as Setting
from pydantic import PositiveFloat, PositiveInt
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from clickprompt.leftovers import remove_leftovers
from clickprompt.settings import ClickPromptError, Settings, first_line
from clickprompt.storage import clear_disk_errors, new_folder, read_manifest, write_manifest
from clickprompt.training.state import State

_MANIFEST = "checkpoint.json"
_KIND = "clickprompt checkpoint"
_FORMAT = 1


class CheckpointConfig(Settings):
    """How often training is saved so that it can go on after a stop. Changes no result."""

    every_minutes: PositiveFloat | None = 10.0
    """Minutes between two checkpoints; null: by steps alone."""
    every_steps: PositiveInt | None = None
    """Optimizer steps between two checkpoints, besides."""
    keep: PositiveInt = Setting(default=2)
    """Newest checkpoints that are kept while a step trains; the best weights so far are in each of them."""


class Checkpoints:
    """Checkpoints of one training, in a folder of their own.

    `inputs` is the fingerprint of all that decides the training: checkpoints of another one are deleted. A checkpoint
    is copied in memory between two steps and written by a thread. One that cannot be written is told once and training
    goes on; one that cannot be read gives way to the one before it.
    """

    def __init__(self, folder: Path, inputs: str, config: CheckpointConfig, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.inputs = inputs
        self.config = config
        self.say = say
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None
        self._saved_at = time.monotonic()
        self._saved_step = 0
        self._failed = False

    def latest(self) -> State | None:
        """The newest whole checkpoint of this training."""
        remove_leftovers(self.folder)
        for path in reversed(self._all()):
            try:
                manifest = read_manifest(path, _MANIFEST, kind=_KIND, version=_FORMAT)
                if manifest["inputs"] != self.inputs:
                    shutil.rmtree(path)
                    continue
                with clear_disk_errors(path):
                    state = State(load_file(path / "state.safetensors"), json.loads((path / "state.json").read_bytes()))
            except (ClickPromptError, SafetensorError, ValueError) as error:
                self.say(f"checkpoint passed over: {first_line(error)}")
                continue
            self._saved_step = manifest["step"]
            return state
        return None

    def restart(self) -> None:
        """Delete what an earlier start has left."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def due(self, step: int) -> bool:
        """Whether it is time for one; never while the last is still being written."""
        if self._writing is not None and not self._writing.done():
            return False
        by_steps = self.config.every_steps is not None and step - self._saved_step >= self.config.every_steps
        minutes = (time.monotonic() - self._saved_at) / 60
        return by_steps or (self.config.every_minutes is not None and minutes >= self.config.every_minutes)

    def save(self, step: int, state: State, *, wait: bool = False) -> None:
        """Write a copy of the state, beside the training unless `wait`."""
        self._saved_at, self._saved_step = time.monotonic(), step
        self._writing = self._writer.submit(self._write, step, state.copied())
        if wait:
            self._writing.result()

    def close(self) -> None:
        """Wait for what is being written."""
        self._writer.shutdown()

    def clear(self) -> None:
        """Delete all: the training's result is kept, or a new start was asked for."""
        self._writer.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _write(self, step: int, state: State) -> None:
        path = self.folder / f"step-{step:09}"
        try:
            with new_folder(path) as new:
                save_file(state.tensors, new / "state.safetensors")
                (new / "state.json").write_text(json.dumps(state.values))
                write_manifest(new, _MANIFEST, {"inputs": self.inputs, "step": step}, kind=_KIND, version=_FORMAT)
            everything = self._all()
            kept = [one for one in everything if one <= path][-self.config.keep :]
            for other in set(everything) - set(kept):  # later ones are those that were passed over
                shutil.rmtree(other, ignore_errors=True)
            self._failed = False
        except Exception as error:  # a lack of memory too: nobody else would hear of it in this thread
            if not self._failed:
                self.say(f"checkpoint at step {step:,} not written, training goes on: {first_line(error)}")
            self._failed = True
