"""A bundle's method with more embedding rows, and the ages of values that a bundle keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from clickprompt.contracts import FieldStatistics
from clickprompt.methods import Method
from clickprompt.storage import clear_disk_errors

AGES_FILE = "value_ages.npy"
NewRows = Literal["mean", "oov"]


@torch.no_grad()
def grow_method(
    method: Method, old: FieldStatistics, new: FieldStatistics, origin: np.ndarray, start: NewRows = "mean"
) -> None:
    """Give a method's tables the rows of grown values: old ones as they were, new ones by `start`.

    `origin` int64 (new embedding rows,): the old row of each, −1 where there was none. `start`: `field_means`, or the
    field's OOV row, which new values were scored with so far.
    """
    known = torch.from_numpy(origin)
    fields = np.repeat(np.arange(new.num_fields), np.diff(new.offsets))
    of_field = torch.from_numpy(np.append(fields, np.arange(new.num_fields)))
    for table in method.embedding_tables():
        if len(table.weight) != old.num_embeddings:
            raise ValueError(f"a table has {len(table.weight)} rows, the vocabulary {old.num_embeddings}")
        firsts = field_means(table.weight, old) if start == "mean" else table.weight[int(old.offsets[-1]) :]
        rows = torch.where((known >= 0)[:, None], table.weight[known.clamp(min=0)], firsts[of_field])
        table.weight = nn.Parameter(rows)


def field_means(weight: Tensor, statistics: FieldStatistics) -> Tensor:
    """Σ_v count_v·e_v / Σ_v count_v over each field's values, count_v training rows: (fields, width).

    A field without any value that was trained has the mean of all its rows, one without rows its OOV row.
    """
    means = []
    for field in range(statistics.num_fields):
        own = slice(*map(int, statistics.offsets[field : field + 2]))
        counts = torch.from_numpy(np.asarray(statistics.counts[own], dtype=np.float64))
        rows = weight[own].double()
        if not len(rows):
            means.append(weight[int(statistics.offsets[-1]) + field])
        else:
            shares = counts / counts.sum() if counts.sum() else torch.full_like(counts, 1 / len(counts))
            means.append((shares[:, None] * rows).sum(0).to(weight.dtype))
    return torch.stack(means)


def read_ages(folder: Path, values: int) -> np.ndarray:
    """int32 (V,): updates in a row that have not seen each value; zeros for a bundle that was never updated."""
    path = folder / AGES_FILE
    if not path.exists():
        return np.zeros(values, np.int32)
    with clear_disk_errors(path):
        return np.load(path, allow_pickle=False)
