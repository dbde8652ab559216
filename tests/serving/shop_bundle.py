"""A bundle whose fields are of every kind that the page shows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from clickprompt.testing.bundles import write_tiny_bundle

FIELDS = [
    {"name": "user", "side": "user"},
    {"name": "watched", "kind": "list", "side": "user", "max_items": 3},
    {"name": "town", "side": "user", "hash_rows": 8},
    {"name": "position", "kind": "numeric", "score_as": 1},
    {"name": "item", "side": "item"},
    {"name": "title", "kind": "text", "side": "item"},
    {"name": "tags", "kind": "list", "side": "item", "separator": "|"},
    {"name": "price", "kind": "numeric", "side": "item"},
]


def write_shop_bundle(folder: Path, rows: int = 300, seed: int = 0) -> Path:
    """Write the bundle and return its folder; items are `i0` to `i11` of titles `red lamp 0` and so on."""
    random = np.random.default_rng(seed)
    path = folder.with_suffix(".csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(field["name"] for field in FIELDS), "time", "clicked"])
        for row in range(rows):
            item = int(random.integers(12))
            title, tags = f"{('red', 'blue', 'old')[item % 3]} lamp {item}", ("new", "new|cheap", "", "warm")[item % 4]
            user, film = f"u{random.integers(20)}", f"film {random.integers(9)}, the"
            town, position, price = f"t{random.integers(30)}", random.integers(1, 9), 5 * item + random.random()
            cells = [user, film, town, position, f"i{item}", title, tags, f"{price:.2f}"]
            writer.writerow([*cells, row, int(random.random() < 0.3)])
    source = {"kind": "files", "path": str(path), "fields": FIELDS, "label": "clicked", "timestamp": "time"}
    return write_tiny_bundle(folder, {"source": source, "split": {"order": "time"}, "numeric_buckets": 8})
