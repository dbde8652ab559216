"""What `serving.py` asks about: a bundle of a model of usual size, and requests drawn from its vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.contracts import Field
from clickprompt.table import Vocabulary

UNSEEN_SHARE = 0.02
"""Of values that are asked about."""
FIELDS = {
    "user": ("user", 6_000),
    "gender": ("user", 2),
    "age": ("user", 7),
    "occupation": ("user", 21),
    "city": ("user", 3_000),
    "item": ("item", 3_500),
    "title": ("item", 3_500),
    "genre": ("item", 18),
}
"""Side and values of each field: MovieLens-1M's sizes, halved for the users."""
MODEL = {"kind": "dcn-v2", "embedding_dim": 32, "cross_layers": 6, "hidden_sizes": [256] * 6}


def make_bundle(folder: Path, quick: bool) -> Path:
    """Train DCNv2 (6 cross layers beside 6 × 256, 32 wide) for an epoch on drawn rows; the bundle."""
    import polars as pl

    from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run

    rows, random = 10_000 if quick else 40_000, np.random.default_rng(0)
    drawn = {name: [f"{name} {v}" for v in random.integers(0, size, rows)] for name, (_, size) in FIELDS.items()}
    pl.DataFrame({**drawn, "clicked": random.integers(0, 2, rows)}).write_parquet(folder / "clicks.parquet")
    fields = [{"name": name, "kind": "categorical", "side": side} for name, (side, _) in FIELDS.items()]
    source = {"kind": "files", "path": str(folder / "clicks.parquet"), "fields": fields, "label": "clicked"}
    recipe = {
        "data": {"source": source, "split": {"order": "shuffle"}},
        "ctr_model": MODEL,
        "method": {"kind": "id-only"},
        "finetune": {"epochs": 1, "calibration": "platt"},
    }
    run(parse_recipe(recipe), RunFolder(folder / "run"), SilentProgress())
    (bundle,) = (folder / "run" / "bundles").iterdir()
    return bundle


class Rows:
    """Draws rows from a bundle's vocabulary, each value as often as training held it."""

    def __init__(self, bundle: Path) -> None:
        self.vocabulary = Vocabulary.load(bundle)
        self.random = np.random.default_rng(1)
        self.fields = [field for field in self.vocabulary.schema.fields if field.score_as is None]

    def _values(self, field: Field, count: int) -> list[Any]:
        place = self.vocabulary.schema.names.index(field.name)
        if field.kind == "numeric":
            edges = self.vocabulary.buckets[field.name].edges
            return [float(v) for v in self.random.choice(edges, count)]
        start, stop = map(int, self.vocabulary.statistics.offsets[place : place + 2])
        counts = np.maximum(np.asarray(self.vocabulary.statistics.counts[start:stop], dtype=np.float64), 1e-9)
        drawn = self.random.choice(stop - start, count, p=counts / counts.sum()) + start
        texts: list[Any] = self.vocabulary.texts.take(drawn).to_pylist()
        texts = [f"never met {i}" if self.random.random() < UNSEEN_SHARE else t for i, t in enumerate(texts)]
        return [[t] for t in texts] if field.kind == "list" and field.separator is None else texts

    def columns(self, rows: int, fields: list[Field]) -> list[dict[str, Any]]:
        """`rows` dicts of some fields."""
        columns = {field.name: self._values(field, rows) for field in fields}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def score_bodies(self, requests: int, candidates: int) -> list[dict[str, Any]]:
        """Bodies of `/v1/score`: a context, and so many candidates of the item's fields."""
        items = [field for field in self.fields if field.side == "item"]
        contexts = self.columns(requests, [field for field in self.fields if field.side != "item"])
        drawn = self.columns(requests * candidates, items)
        lists = [drawn[i * candidates : (i + 1) * candidates] for i in range(requests)]
        return [{"context": c, "candidates": some} for c, some in zip(contexts, lists, strict=True)]

    def infer_bodies(self, requests: int) -> list[dict[str, Any]]:
        """Bodies of `/v2/models/…/infer`, a row each."""
        bodies = []
        for row in self.columns(requests, self.fields):
            inputs = [_tensor(name, value) for name, value in row.items()]
            bodies.append({"inputs": inputs})
        return bodies


def _tensor(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"name": name, "shape": [1, len(value)], "datatype": "BYTES", "data": value}
    return {"name": name, "shape": [1], "datatype": "FP64" if isinstance(value, float) else "BYTES", "data": [value]}
