"""The rows of one split of a prepared folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clickprompt.contracts import SplitName
from clickprompt.table.array_file import ArrayFile
from clickprompt.table.factors import Factors
from clickprompt.table.overlap import value_hashes
from clickprompt.table.scratch import Scratch, blocks


def write_split(
    folder: Path,
    name: SplitName,
    rows: np.ndarray,
    factors: Sequence[Factors],
    value_of_code: Sequence[np.ndarray],
    labels: np.ndarray,
    weights: np.ndarray | None,
    scratch: Scratch,
) -> np.ndarray:
    """Write `<name>.value_ids.npy`, `.labels.npy` and, with weights, `.weights.npy`; uint64 hashes of the rows."""
    hashes = scratch.column(np.uint64)
    with ArrayFile(folder / f"{name}.value_ids.npy", np.int32, (len(rows), len(factors))) as ids:
        for some in blocks(rows):
            block = np.empty((len(some), len(factors)), np.int32)
            for place, (of, factor) in enumerate(zip(value_of_code, factors, strict=True)):
                block[:, place] = of[factor.codes[some]]
            ids.append(block)
            hashes.append(value_hashes(block))
    for kind, column in {"labels": labels, "weights": weights}.items():
        if column is not None:
            with ArrayFile(folder / f"{name}.{kind}.npy", column.dtype, (len(rows),)) as file:
                for some in blocks(rows):
                    file.append(column[some])
    return hashes.mapped()
