"""What `ctr_training.py` trains on: one model's sizes, and random rows in a folder that every contender reads.

The model is DCNv2 with 6 cross layers beside a tower of 6 × 256 and 8 fields of equally many values, embedding size 16,
Adam(W) with learning rate 0.001, no dropout, decay or regularizer. NumPy only: both environments import it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

FIELDS = 8
EMBEDDING_DIM = 16
CROSS_LAYERS = 6
HIDDEN_SIZES = (256,) * 6
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """One table size, one way its values are spread over rows, one batch size."""

    values: int
    spread: str
    """`uniform`, or `zipf`: the k-th most frequent value of a field is met in proportion to 1/k."""
    batch: int

    @property
    def per_field(self) -> int:
        """Values of each field."""
        return self.values // FIELDS

    def __str__(self) -> str:
        return f"dcn-v2, {self.values:,} values {self.spread}, batch {self.batch}"


def write_case(case: Case, rows: int, folder: Path) -> float:
    """Write `ids.npy` (int32, a value's index within its field, frequent ones first), `labels.npy` and `case.json`.

    Returns the mean number of distinct embedding rows a batch.
    """
    generator = np.random.default_rng(0)
    if case.spread == "zipf":
        shares = np.cumsum(1 / np.arange(1, case.per_field + 1))
        draws = generator.random((rows, FIELDS)) * shares[-1]
        ids = np.minimum(np.searchsorted(shares, draws), case.per_field - 1)
    else:
        ids = generator.integers(0, case.per_field, (rows, FIELDS))
    np.save(folder / "ids.npy", ids.astype(np.int32))
    np.save(folder / "labels.npy", generator.integers(0, 2, rows).astype(np.float32))
    (folder / "case.json").write_text(json.dumps(asdict(case)))
    everywhere = (ids + case.per_field * np.arange(FIELDS))[: 20 * case.batch].reshape(-1, case.batch * FIELDS)
    return float(np.mean([len(np.unique(batch)) for batch in everywhere]))


def read_case(folder: Path) -> tuple[Case, np.ndarray, np.ndarray]:
    """The case, its ids (a memory map) and its labels."""
    case = Case(**json.loads((folder / "case.json").read_text()))
    return case, np.load(folder / "ids.npy", mmap_mode="r"), np.load(folder / "labels.npy")
