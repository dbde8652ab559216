"""What `pa_mlm.py` and `score_with_lm.py` compare on: rows, checkpoints and weights, in a folder all contenders read.

    python benchmarks/lm_cases.py FOLDER MODEL ... [--rows MOVIELENS-1M-FOLDER]

Rows are prepared by the library, and once more kept as texts for the recipe. Language models are MiniLM's first layers,
or the RoBERTa shapes with random weights and MiniLM's tokenizer. The ID model, the prompts' projection and the heads
start from the same random weights everywhere.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

GENERATED = 60_000
"""Ratings drawn where no folder is given; a quarter are of 3 stars and dropped."""
MINILM = {"minilm-3": 3, "minilm-6": 6}
"""Layers that are kept."""
ROBERTA = {"roberta-base": (12, 768, 12), "roberta-large": (24, 1024, 16)}
"""Layers, width, heads of the shapes with random weights."""
MODELS = (*MINILM, *ROBERTA)
METHOD = {"kind": "clickprompt", "prompt": {"length": 3}}
CTR_MODEL = {"kind": "dcn-v2", "embedding_dim": 32, "cross_layers": 6, "hidden_sizes": [256] * 6}
MAX_LENGTH = 128


def language_model(folder: Path, model: str, **settings: Any) -> dict[str, Any]:
    """The `language_model` section of a recipe."""
    return {"name": str(folder / model), "max_length": MAX_LENGTH, **settings}


def recipe_data(folder: Path, model: str, **settings: Any) -> dict[str, Any]:
    """A recipe over the folder's rows, with one of its models; `settings` are the language model's."""
    return {
        "data": {"source": {"kind": "movielens-1m", "path": about(folder)["source"]}},
        "ctr_model": CTR_MODEL,
        "language_model": language_model(folder, model, **settings),
        "method": METHOD,
        "seed": 0,
    }


def about(folder: Path) -> dict[str, Any]:
    """What was noted: `source`, `fields`, `rows`, `lengths` (tokens of a sentence → rows), and each model's sizes."""
    return json.loads((folder / "about.json").read_text())


@dataclass(frozen=True)
class RawRows:
    """Training rows as the recipe reads them."""

    fields: list[str]
    values: list[tuple[str, ...]]
    feature_ids: np.ndarray
    """int64 (rows, fields): embedding rows."""
    labels: np.ndarray
    """float32 (rows,)"""

    @classmethod
    def read(cls, folder: Path) -> RawRows:
        """What `write_case_folder` wrote."""
        texts = json.loads((folder / "texts.json").read_text())
        values = [tuple(texts[value] for value in row) for row in np.load(folder / "value_ids.npy").tolist()]
        arrays = (np.load(folder / f"{name}.npy") for name in ("feature_ids", "labels"))
        return cls(about(folder)["fields"], values, *arrays)


def scored_rows(rows: int, count: int) -> np.ndarray:
    """Which training rows are scored, int64 (count,): the same draw for all contenders."""
    return np.random.default_rng(0).permutation(rows)[:count]


def write_case_folder(folder: Path, models: Iterable[str], source: Path | None, generated: int) -> None:
    """Prepare the rows, write the checkpoints, draw the other weights."""
    from clickprompt.workflows import Recipe, prepare
    from clickprompt.workflows.progress import SilentProgress
    from lm_checkpoints import write_checkpoint, write_other_weights
    from lm_rows import write_rows

    models = list(models)
    rows = write_rows(folder / "ml-1m", generated) if source is None else source
    for model in models:
        write_checkpoint(folder / model, model)
    notes: dict[str, Any] = {"source": str(rows)}
    (folder / "about.json").write_text(json.dumps(notes))
    for model in models:
        recipe = Recipe.model_validate(recipe_data(folder, model))
        data = prepare(recipe, folder / "prepared", SilentProgress())
        notes[model] = write_other_weights(folder / f"{model}.safetensors", recipe, data)
    split = data.table.split("train")
    np.save(folder / "value_ids.npy", split.value_ids)
    np.save(folder / "feature_ids.npy", data.table.embedding_rows[split.value_ids].astype(np.int64))
    np.save(folder / "labels.npy", split.labels)
    (folder / "texts.json").write_text(json.dumps(data.table.value_texts[0].to_pylist()))
    lengths = data.reader(["train"], reads="sentence").lengths(np.arange(len(split)))
    notes |= {"fields": data.table.schema.names, "rows": len(split), "lengths": Counter(lengths.tolist())}
    (folder / "about.json").write_text(json.dumps(notes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="+", choices=MODELS)
    parser.add_argument("--rows", type=Path, help="a folder with MovieLens-1M's ratings.dat and others")
    parser.add_argument("--generated", type=int, default=GENERATED, help="ratings drawn where no folder is given")
    options = parser.parse_args()
    write_case_folder(options.folder, options.models, options.rows, options.generated)


if __name__ == "__main__":
    main()
