"""What `prepare.py` times, a step in a process of its own; prints a line of JSON.

    prepare_ours.py prepare|tokenize|train|limit DATA OUT [--steps N] [--language-model NAME]

DATA is a file with the `data` section of a recipe, as JSON; OUT the prepared folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

EMBEDDING_DIM, HIDDEN_SIZES, CROSS_LAYERS, BATCH_SIZE, LEARNING_RATE = 16, (512,) * 6, 6, 4096, 1e-3
"""The authors' sizes of DCNv2 on GoodReads."""


class Silent:
    """Progress of a step that loads no torch; the workflows' own would."""

    def start(self, task: str, total: int, unit: str) -> Callable[[int, str], None]:
        return lambda done, note="": None

    def say(self, line: str) -> None: ...


def prepare(data: dict[str, Any], out: Path) -> dict[str, Any]:
    """Raw rows → prepared folder."""
    from clickprompt.table import DataConfig, prepare_table

    table = prepare_table(DataConfig.model_validate(data), out, Silent())
    return {
        "values": table.manifest["num_values"],
        "embedding_rows": int(table.statistics.offsets[-1]),
        "rows": {name: split["rows"] for name, split in table.manifest["splits"].items()},
        "folder_mb": sum(path.stat().st_size for path in out.iterdir()) / 1e6,
    }


def tokenize(out: Path, name: str) -> dict[str, Any]:
    """Tokens of every distinct value."""
    from clickprompt.language import LanguageModelConfig, LanguageTokenizer
    from clickprompt.table import PreparedTable
    from clickprompt.workflows import SilentProgress
    from clickprompt.workflows.data import tokenized

    table, config = PreparedTable.open(out), LanguageModelConfig(name=name)
    tokenizer = LanguageTokenizer.from_folder_or_name(name, None)
    tokenized(table, tokenizer, config, SilentProgress())
    return {"texts": int(table.held.sum())}


def train(data: dict[str, Any], out: Path, steps: int | None) -> dict[str, Any]:
    """One epoch of DCNv2, or so many steps of it, and one validation at its end."""
    from clickprompt.table import PreparedTable
    from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe
    from clickprompt.workflows.data import Data
    from clickprompt.workflows.finetune import finetune, finetuned

    recipe = parse_recipe(
        {
            "data": data,
            "ctr_model": {
                "kind": "dcn-v2",
                "embedding_dim": EMBEDDING_DIM,
                "cross_layers": CROSS_LAYERS,
                "hidden_sizes": HIDDEN_SIZES,
            },
            "language_model": None,
            "method": "id-only",
            "finetune": {
                "epochs": 1,
                "max_steps": steps,
                "batch_size": BATCH_SIZE,
                "ctr_learning_rate": LEARNING_RATE,
                "evaluations_per_epoch": 1,
                "early_stopping": None,
            },
            "checkpoint": None,
            "device": "cpu",
        }
    )
    prepared = Data(PreparedTable.open(out))
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        run = RunFolder(Path(folder), out)
        finetune(recipe, "id-only", run, prepared, SilentProgress())
        state = finetuned(recipe, "id-only", run, prepared)
        history = run.step_history("id-only")
    assert state is not None
    return {
        "samples_per_second": median(record["samples_per_second"] for record in history),
        "samples": state["samples"],
        "train_seconds": state["train_seconds"],
        "validation_auc": state["validation_auc"],
        "parameters": state["parameters"],
    }


def limit(data: dict[str, Any]) -> dict[str, Any]:
    """Polars alone reads the same files, one pass, and counts the distinct values of each field."""
    import polars as pl

    names, path = [field["name"] for field in data["source"]["fields"]], data["source"]["path"]
    scan = pl.scan_parquet if next(Path(path).parent.glob("reads-*")).suffix == ".parquet" else pl.scan_ndjson
    counts = scan(path).select(pl.col(names).n_unique()).collect(engine="streaming")
    return {"values": sum(counts.row(0))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("prepare", "tokenize", "train", "limit"))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--language-model", default="minilm")
    options = parser.parse_args()
    data, started = json.loads(options.data.read_text()), time.perf_counter()
    if options.step == "prepare":
        record = prepare(data, options.out)
    elif options.step == "tokenize":
        record = tokenize(options.out, options.language_model)
    elif options.step == "train":
        record = train(data, options.out, options.steps)
    else:
        record = limit(data)
    print(json.dumps({"inside_seconds": time.perf_counter() - started, **record}))


if __name__ == "__main__":
    main()
