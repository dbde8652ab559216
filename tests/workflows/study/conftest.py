from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clickprompt.testing.tables import tiny_data_config


@pytest.fixture(scope="session")
def tiny_study(tiny_clicks: Path, tiny_bert: Path) -> Callable[..., dict[str, Any]]:
    """A study that runs in seconds, with changes at its top."""

    def study(**changes: Any) -> dict[str, Any]:
        content = {
            "title": "Tiny",
            "base": {
                "ctr_model": {"kind": "dcn-v2", "embedding_dim": 4, "cross_layers": 1, "hidden_sizes": [8]},
                "language_model": {"name": str(tiny_bert), "max_length": 64},
                "method": {"kind": "clickprompt", "prompt": {"length": 2}},
                "pretrain": {"max_steps": 2, "batch_size": 32, "micro_batch_size": 16},
                "finetune": {"epochs": 1, "batch_size": 64},
                "finetune_with_language_model": {"max_steps": 2, "batch_size": 16, "evaluations_per_epoch": 1},
            },
            "data_sets": {"clicks": {"data": tiny_data_config(tiny_clicks)}},
            "methods": {
                "plain": {"model": "id-only"},
                "without LM": {"model": "clickprompt-without-lm"},
                "with LM": {"model": "clickprompt-with-lm"},
            },
            "seeds": [1, 2],
            "baseline": "plain",
            "trials": {
                "count": 2,
                "seed": 1,
                "space": {
                    "finetune.ctr_learning_rate": [1e-5, 0.02],
                    "finetune_with_language_model.ctr_learning_rate": [1e-5, 0.02],
                },
            },
        }
        return content | changes

    return study


@pytest.fixture(scope="session")
def study_file() -> Callable[[Path, dict[str, Any]], Path]:
    """Write a study."""

    def write(folder: Path, content: dict[str, Any]) -> Path:
        path = folder / "studies" / "tiny.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write
