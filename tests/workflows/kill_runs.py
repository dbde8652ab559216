"""`python kill_runs.py RECIPE FOLDER KILLS`: run a recipe undisturbed, then again and again, killed at random moments.

A process of its own, for one that has run polars or autograd cannot be forked. Prints how each process ended, a JSON
line each: `{"folder": …, "sent": signal or 0, "status": …}`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from clickprompt.storage import write_file
from clickprompt.training import signals_stop_training
from clickprompt.workflows import Recipe, RunFolder, SilentProgress, parse_recipe
from clickprompt.workflows.data import prepare
from clickprompt.workflows.evaluate import evaluate
from clickprompt.workflows.finetune import finetune
from clickprompt.workflows.pretrain import pretrain

WHILE_PREPARING = 3
"""The first of them; later ones come at the earliest when training begins."""
PATIENCE = 9
"""Things a process may tell of before it is killed at the latest; a step is one."""
MOMENT = 0.03
"""Seconds after that, at most; a checkpoint takes about half as long to write."""


class Told(SilentProgress):
    """Puts a byte into a pipe for whatever is told."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def say(self, line: str) -> None:
        os.write(self.pipe, b".")

    def start(self, task: str, total: int, unit: str) -> Callable[[int, str], None]:
        self.say(task)
        return lambda done, note: self.say(note)


def started(recipe: Recipe, folder: RunFolder, preparing: bool = False) -> tuple[int, int]:
    """A process at work that shares everything loaded so far, and the pipe of what it tells."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    status = 1
    with signals_stop_training():
        try:
            work(recipe, folder, Told(write), preparing)
            status = 0
        except KeyboardInterrupt as stopped:
            status = 128 + getattr(stopped, "signal_number", 0)
        finally:
            os._exit(status)


def work(recipe: Recipe, run: RunFolder, progress: Told, preparing: bool) -> None:
    """All but the report, whose plots take long."""
    with run.locked():
        data = prepare(recipe, run.prepared, progress if preparing else SilentProgress())
        pretrain(recipe, run, data, progress)
        for model in recipe.trained_models:
            finetune(recipe, model, run, data, progress)
        write_file(run.path / "metrics.json", json.dumps(evaluate(recipe, run, data, progress)))


def ended(process: tuple[int, int]) -> int:
    """What became of it: its exit status, or less than 0 for the signal that killed it."""
    child, pipe = process
    while os.read(pipe, 1 << 16):
        pass
    os.close(pipe)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def import_what_all_need(recipe: Recipe) -> None:
    """So that no process imports it for itself, which takes many times as long as its work."""
    import polars  # noqa: F401
    import torch._dynamo  # noqa: F401

    from clickprompt.language import load_language_model

    load_language_model(recipe.language_model)


def tell(folder: RunFolder, sent: int, status: int) -> None:
    print(json.dumps({"folder": folder.path.name, "sent": sent, "status": status}), flush=True)


def main(recipe: Recipe, out: Path, kills: int) -> None:
    """Each killed run goes on in its own folder until it is through; the last one is left alone at the end."""
    import_what_all_need(recipe)
    whole = RunFolder(out / "whole")
    tell(whole, 0, ended(started(recipe, whole)))
    moments, killed, runs = random.Random(0), 0, 0
    while killed < kills or runs == 0:
        folder, sent = RunFolder(out / f"killed-{runs}"), 0
        process = child, pipe = started(recipe, folder, killed < WHILE_PREPARING)
        if killed < kills:
            sent = signal.SIGTERM if killed % 4 == 3 else signal.SIGKILL
            for _ in range(moments.randint(1, PATIENCE)):
                os.read(pipe, 1)
            time.sleep(moments.uniform(0, MOMENT))
            os.kill(child, sent)
        status = ended(process)
        tell(folder, sent, status)
        runs, killed = (runs + 1, killed) if status == 0 else (runs, killed + 1)


if __name__ == "__main__":
    main(parse_recipe(json.loads(Path(sys.argv[1]).read_text())), Path(sys.argv[2]), int(sys.argv[3]))
