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

from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run

KILLS = 20


def in_a_child(work: Callable[[], None]) -> int:
    """A process that shares everything loaded so far, so that it starts at once."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except KeyboardInterrupt as stopped:
        status = 128 + getattr(stopped, "signal_number", 2)
    finally:
        os._exit(status)
    return 0


def contents(folder: RunFolder) -> dict[str, bytes]:
    files = sorted(folder.path.rglob("weights.safetensors"))
    return {str(file.relative_to(folder.path)): file.read_bytes() for file in files}


def measures(folder: RunFolder) -> list[dict]:
    records = json.loads((folder.path / "metrics.json").read_text())
    return [{name: value for name, value in record.items() if "second" not in name} for record in records]


@pytest.fixture(scope="module")
def recipe(tiny_clicks: Path, tiny_bert: Path):
    from clickprompt.testing.tables import tiny_data_config

    return parse_recipe(
        {
            "data": tiny_data_config(tiny_clicks),
            "ctr_model": {"kind": "dcn-v2", "embedding_dim": 4, "cross_layers": 1, "hidden_sizes": [8]},
            "language_model": {"name": str(tiny_bert), "max_length": 64},
            "pretrain": {"max_steps": 12, "batch_size": 32, "embedding_optimizer": "sparse"},
            "finetune": {"epochs": 2, "batch_size": 32, "embedding_optimizer": "rowwise-adagrad"},
            "finetune_with_language_model": {"max_steps": 10, "batch_size": 32, "evaluations_per_epoch": 4},
            "checkpoint": {"every_steps": 1},
            "seed": 3,
        }
    )


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(recipe, tmp_path):
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    started = time.perf_counter()
    child = in_a_child(lambda: run(recipe, whole, SilentProgress()))
    assert os.waitpid(child, 0)[1] == 0
    seconds = time.perf_counter() - started
    moments, kills = random.Random(0), 0
    while kills < KILLS:
        child = in_a_child(lambda: run(recipe, killed, SilentProgress()))
        time.sleep(moments.uniform(0, 1) * seconds / 4)
        if os.waitpid(child, os.WNOHANG)[0]:
            break  # it was through before the signal
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        kills += 1
    child = in_a_child(lambda: run(recipe, killed, SilentProgress()))
    assert os.waitpid(child, 0)[1] == 0
    assert kills > 2
    assert contents(killed) == contents(whole)
    assert measures(killed) == measures(whole)
    assert not (killed.path / "checkpoints").exists() or not list((killed.path / "checkpoints").iterdir())
