"""Rows and clicks of each split over the period of a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from clickprompt.contracts import SPLITS, SplitName

BINS = 50


def over_time(
    times: np.ndarray, dated: bool, splits: Mapping[SplitName, np.ndarray], labels: np.ndarray
) -> dict[str, Any]:
    """`edges`: `BINS` + 1 times that part the rows, in the order of time, into equal parts, fewer where rows are few.

    `rows` and `positives`: of each part, those of train, validation and test. `unit`: what times are.
    """
    ordered = [splits[name] for name in SPLITS]
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in ordered])])
    bins = min(BINS, int(starts[-1]))
    cuts = np.arange(bins + 1) * starts[-1] // bins
    rows, positives, edges = [], [], []
    for low, high in pairwise(cuts.tolist()):
        parts = [of[max(low - start, 0) : max(high - start, 0)] for of, start in zip(ordered, starts[:-1], strict=True)]
        rows.append([len(part) for part in parts])
        positives.append([int(labels[part].sum()) for part in parts])
        held = [times[part] for part in parts if len(part)]
        edges.append(min(of.min() for of in held).item())
        last = max(of.max() for of in held).item()
    return {
        "unit": "microseconds" if dated else "as given",
        "edges": [*edges, last],
        "rows": rows,
        "positives": positives,
    }
