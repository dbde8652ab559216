from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from clickprompt.testing.language_models import write_tiny_language_model
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before any test loads it


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny tensors compute faster without threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_language_model(tmp_path_factory.mktemp("bert"), "bert")


@pytest.fixture(scope="session")
def tiny_clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small click log."""
    folder = tmp_path_factory.mktemp("clicks")
    write_tiny_clicks(folder)
    return folder


@pytest.fixture
def tiny_recipe(tiny_clicks: Path, tiny_bert: Path) -> dict[str, Any]:
    """A whole recipe that runs in seconds."""
    return {
        "data": {**tiny_data_config(tiny_clicks)},
        "ctr_model": {"kind": "dcn-v2", "embedding_dim": 4, "cross_layers": 1, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "method": {"kind": "clickprompt", "prompt": {"length": 2}},
        "pretrain": {"max_steps": 4, "batch_size": 32, "micro_batch_size": 16},
        "finetune": {"epochs": 2, "batch_size": 32},
        "finetune_with_language_model": {"max_steps": 4, "batch_size": 32, "evaluations_per_epoch": 1},
        "seed": 1,
    }
