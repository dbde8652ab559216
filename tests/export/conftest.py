"""Bundles of every kind of field, which tests read and never change."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from torch.onnx._internal.exporter._registration import ONNXRegistry

from clickprompt.testing.bundles import write_tiny_bundle

FIELDS = [
    {"name": "user", "side": "user"},
    {"name": "device", "side": "user", "hash_rows": 7},
    {"name": "history", "kind": "list", "side": "user", "pooling": "attention", "max_items": 3},
    {"name": "title", "kind": "text", "side": "item"},
    {"name": "tags", "kind": "list", "side": "item", "pooling": "sum", "separator": "|"},
    {"name": "similar", "kind": "list", "side": "item", "max_items": 4, "keep": "first"},
    {"name": "price", "kind": "numeric", "side": "item"},
    {"name": "position", "score_as": 1},
]


def clicks(rows: int = 300) -> pl.DataFrame:
    random = np.random.default_rng(0)
    words = ["red", "round", "Åse", "日本", "o\u0301ld", "unknown", ""]
    price = np.round(random.gamma(2.0, 10.0, rows), 1)
    return pl.DataFrame(
        {
            "user": [f"u{u}" for u in random.integers(0, 40, rows)],
            "device": [f"d{d}" for d in random.integers(0, 30, rows)],
            "history": [random.choice(words, n).tolist() for n in random.integers(0, 6, rows)],
            "title": [f"{a} {b}" for a, b in zip(random.choice(words, rows), random.choice(words, rows), strict=True)],
            "tags": ["|".join(random.choice(words, n)) for n in random.integers(0, 4, rows)],
            "similar": [random.choice(words, n).tolist() for n in random.integers(0, 6, rows)],
            "price": [None if missing else p for p, missing in zip(price, random.random(rows) < 0.1, strict=True)],
            "position": random.integers(1, 4, rows),
            "time": np.arange(rows),
            "clicked": random.integers(0, 2, rows),
        },
        schema_overrides={"history": pl.List(pl.String), "similar": pl.List(pl.String)},
    )


@pytest.fixture(scope="session", autouse=True)
def operators_are_read_once() -> Iterator[None]:
    """torch's exporter reads the source of its 500 operators anew for every model, which takes two seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="session")
def mixed_rows(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clicks") / "clicks.parquet"
    clicks().write_parquet(path)
    return path


@pytest.fixture(scope="session")
def mixed_bundle(mixed_rows, tmp_path_factory) -> Path:
    """An untrained DCNv2 over fields of every kind, with Platt's calibrator."""
    source = {"kind": "files", "path": str(mixed_rows), "fields": FIELDS, "label": "clicked", "timestamp": "time"}
    data = {"source": source, "split": {"order": "time"}, "numeric_buckets": 6}
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "mixed", data)
