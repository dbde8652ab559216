"""Bundles of every model of one tiny run, which tests read and copy and never change."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run


@pytest.fixture(scope="session")
def bundles(tmp_path_factory, tiny_clicks, tiny_bert) -> Path:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    recipe = {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(tiny_bert), "max_length": 64},
        "pretrain": {"max_steps": 1, "batch_size": 32},
        "finetune": {"epochs": 1},
        "finetune_with_language_model": {"max_steps": 1, "batch_size": 32},
    }
    run(parse_recipe(recipe), folder, SilentProgress())
    return folder.path / "bundles"
