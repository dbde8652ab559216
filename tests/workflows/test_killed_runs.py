"""A run that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clickprompt.storage import write_file
from clickprompt.testing.tables import tiny_data_config
from clickprompt.training import signals_stop_training
from clickprompt.workflows import Recipe, RunFolder, SilentProgress, parse_recipe
from clickprompt.workflows.data import prepare
from clickprompt.workflows.evaluate import evaluate
from clickprompt.workflows.finetune import finetune
from clickprompt.workflows.pretrain import pretrain

KILLS = 20
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


def result(folder: RunFolder) -> tuple[dict[str, bytes], list[dict]]:
    """Weights byte by byte, and measures; all but the seconds that things took."""
    files = sorted(folder.path.rglob("weights.safetensors"))
    records = json.loads((folder.path / "metrics.json").read_text())
    return (
        {str(file.relative_to(folder.path)): file.read_bytes() for file in files},
        [{name: value for name, value in record.items() if "second" not in name} for record in records],
    )


@pytest.fixture(scope="module")
def recipe(tiny_clicks: Path, tiny_bert: Path) -> Recipe:
    return parse_recipe(
        {
            "data": tiny_data_config(tiny_clicks),
            "ctr_model": {"kind": "dcn-v2", "embedding_dim": 4, "cross_layers": 1, "hidden_sizes": [8]},
            "language_model": {"name": str(tiny_bert), "max_length": 64},
            "pretrain": {"max_steps": 5, "batch_size": 32, "embedding_optimizer": "sparse"},
            "finetune": {"max_steps": 5, "batch_size": 32, "embedding_optimizer": "rowwise-adagrad"},
            "finetune_with_language_model": {"max_steps": 5, "batch_size": 32, "evaluations_per_epoch": 2},
            "checkpoint": {"every_steps": 1},
            "seed": 3,
        }
    )


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(recipe, tmp_path):
    whole = RunFolder(tmp_path / "whole")
    assert ended(started(recipe, whole)) == 0
    moments, kills, runs = random.Random(0), 0, 0
    while kills < KILLS or runs == 0:
        killed = RunFolder(tmp_path / f"killed-{runs}")
        process = child, pipe = started(recipe, killed, kills < WHILE_PREPARING)
        if kills < KILLS:
            number = signal.SIGTERM if kills % 4 == 3 else signal.SIGKILL
            for _ in range(moments.randint(1, PATIENCE)):
                os.read(pipe, 1)
            time.sleep(moments.uniform(0, MOMENT))
            os.kill(child, number)
        status = ended(process)
        if status == 0:  # it was through before the signal, or was left alone
            assert result(killed) == result(whole)
            assert not list((killed.path / "checkpoints").glob("*"))
            runs += 1
        else:
            assert status == (-signal.SIGKILL if number == signal.SIGKILL else 128 + signal.SIGTERM)
            kills += 1
