"""A tiny click log with something to learn in every kind of field."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

_GOOD = ("brilliant", "gentle", "golden")
_BAD = ("dreary", "broken", "stale")
_THINGS = ("lamp", "kettle", "ladder", "violin", "blanket", "compass", "teapot", "mirror")


def write_tiny_clicks(folder: Path, rows: int = 600, seed: int = 0) -> Path:
    """Write `clicks.csv` and return its path.

    P(click) = σ(taste of the user + quality of the item + word of the title − price): `user`, `item` and `city` are
    categorical, `title` is a text whose adjective counts, `price` a number with some cells empty, `time` rises with the
    rows, `weight` is 1 or 2.
    """
    random = np.random.default_rng(seed)
    users, items = max(4, rows // 15), max(4, rows // 20)
    taste, quality = random.normal(0, 1, users), random.normal(0, 0.5, items)
    good = random.random(items) < 0.5
    titles = [f"{random.choice(_GOOD if g else _BAD)} {random.choice(_THINGS)} {i}" for i, g in enumerate(good)]
    prices = np.round(random.gamma(2.0, 10.0, items), 2)
    cities = random.choice(["Oslo", "Lima", "Pune", ""], users, p=[0.4, 0.3, 0.2, 0.1])
    user, item = random.integers(0, users, rows), random.integers(0, items, rows)
    logit = taste[user] + quality[item] + np.where(good, 1.2, -1.2)[item] - 0.02 * (prices[item] - 20)
    clicked = random.random(rows) < 1 / (1 + np.exp(-logit))
    price_known, weight = random.random(rows) > 0.1, random.integers(1, 3, rows)
    path = Path(folder) / "clicks.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "city", "item", "title", "price", "time", "weight", "clicked"])
        for row, (u, i) in enumerate(zip(user, item, strict=True)):
            price = f"{prices[i]:.2f}" if price_known[row] else ""
            time = 1_700_000_000 + 60 * row
            writer.writerow([f"u{u}", cities[u], f"i{i}", titles[i], price, time, weight[row], int(clicked[row])])
    return path


def tiny_data_config(folder: Path) -> dict[str, Any]:
    """The `data` section of a recipe over the `clicks.csv` that `write_tiny_clicks` wrote into a folder."""
    return {
        "source": {
            "kind": "files",
            "path": str(Path(folder) / "clicks.csv"),
            "fields": [
                {"name": "user", "kind": "categorical", "side": "user"},
                {"name": "city", "kind": "categorical", "side": "user"},
                {"name": "item", "kind": "categorical", "side": "item"},
                {"name": "title", "kind": "text", "side": "item"},
                {"name": "price", "kind": "numeric", "side": "item"},
            ],
            "label": "clicked",
            "weight": "weight",
            "timestamp": "time",
        },
        "split": {"order": "time"},
        "numeric_buckets": 8,
    }


def write_tiny_lists(folder: Path, rows: int = 600, seed: int = 0) -> Path:
    """Write `histories.parquet`, a click log whose lists carry the signal, and return its path.

    P(click) = σ(3 · mean appeal of the films in `history` + appeal of the words in `tags`): `history` is a list column,
    oldest film first, some lists empty and some missing; `tags` is a text such as "red|round"; `user` says nothing;
    `time` rises with the rows.
    """
    import polars as pl

    random = np.random.default_rng(seed)
    films, words = [f"film {i}" for i in range(24)], ["red", "round", "old", "loud", "cheap"]
    film_appeal, word_appeal = random.normal(0, 1.5, len(films)), random.normal(0, 0.5, len(words))
    seen = [random.integers(0, len(films), length) for length in random.integers(0, 9, rows)]
    held = [random.choice(len(words), count, replace=False) for count in random.integers(0, 4, rows)]
    logit = np.array(
        [3 * film_appeal[s].sum() / max(len(s), 1) + word_appeal[h].sum() for s, h in zip(seen, held, strict=True)]
    )
    frame = pl.DataFrame(
        {
            "user": [f"u{u}" for u in random.integers(0, rows // 8, rows)],
            "tags": ["|".join(words[h] for h in some) for some in held],
            "history": [[films[s] for s in some] if len(some) or row % 2 else None for row, some in enumerate(seen)],
            "time": 1_700_000_000 + 60 * np.arange(rows),
            "clicked": (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int8),
        },
        schema_overrides={"history": pl.List(pl.String)},
    )
    path = Path(folder) / "histories.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    return path


def tiny_lists_config(folder: Path, **history: Any) -> dict[str, Any]:
    """The `data` section of a recipe over what `write_tiny_lists` wrote; `history` are settings of that field."""
    return {
        "source": {
            "kind": "files",
            "path": str(Path(folder) / "histories.parquet"),
            "fields": [
                {"name": "user", "side": "user", "hash_rows": 16},
                {"name": "tags", "kind": "list", "side": "item", "separator": "|", "pooling": "sum"},
                {"name": "history", "kind": "list", "side": "user", **history},
            ],
            "label": "clicked",
            "timestamp": "time",
        },
        "split": {"order": "time"},
    }
