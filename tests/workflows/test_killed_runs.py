"""A run that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from clickprompt.testing.tables import tiny_data_config

KILLS = 20


def result(folder: Path) -> tuple[dict[str, bytes], list[dict]]:
    """Weights byte by byte, and measures; all but the seconds that things took."""
    files = sorted(folder.rglob("weights.safetensors"))
    records = json.loads((folder / "metrics.json").read_text())
    return (
        {str(file.relative_to(folder)): file.read_bytes() for file in files},
        [{name: value for name, value in record.items() if "second" not in name} for record in records],
    )


def recipe(clicks: Path, language_model: Path) -> dict:
    return {
        "data": tiny_data_config(clicks),
        "ctr_model": {"kind": "dcn-v2", "embedding_dim": 4, "cross_layers": 1, "hidden_sizes": [8]},
        "language_model": {"name": str(language_model), "max_length": 64},
        "pretrain": {"max_steps": 5, "batch_size": 32, "embedding_optimizer": "sparse"},
        "finetune": {"max_steps": 5, "batch_size": 32, "embedding_optimizer": "rowwise-adagrad"},
        "finetune_with_language_model": {"max_steps": 5, "batch_size": 32, "evaluations_per_epoch": 2},
        "checkpoint": {"every_steps": 1},
        "seed": 3,
    }


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(tiny_clicks, tiny_bert, tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(recipe(tiny_clicks, tiny_bert)))
    driver = [sys.executable, str(Path(__file__).with_name("kill_runs.py")), "recipe.json", ".", str(KILLS)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    told = subprocess.run(driver, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=one_thread)
    assert told.returncode == 0, told.stderr
    ends = [json.loads(line) for line in told.stdout.splitlines()]
    whole = result(tmp_path / "whole")
    through = [end["folder"] for end in ends if end["status"] == 0]
    killed = [end for end in ends if end["status"] != 0]
    assert len(killed) == KILLS
    assert len(through) >= 2
    for end in killed:
        by_signal = -signal.SIGKILL if end["sent"] == signal.SIGKILL else 128 + signal.SIGTERM
        assert end["status"] == by_signal, end
    for folder in through[1:]:
        assert result(tmp_path / folder) == whole
        assert not list((tmp_path / folder / "checkpoints").glob("*"))
