"""What rows hold, as embedding rows: one a field, several in a list field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from clickprompt.contracts import ListIds
from clickprompt.table import Members


@dataclass(frozen=True)
class RowIds:
    """Embedding rows of some rows."""

    features: np.ndarray
    """int64 (rows, fields); in a list field the OOV row."""
    lists: Mapping[int, Members]
    """By list field's place: embedding rows of each row's items."""

    def slice(self, start: int, stop: int) -> RowIds:
        """Rows `start` to `stop` (exclusive)."""
        return RowIds(
            self.features[start:stop], {field: lists.slice(start, stop) for field, lists in self.lists.items()}
        )

    def take(self, rows: np.ndarray) -> RowIds:
        """These rows alone, in this order."""
        return RowIds(self.features[rows], {field: lists.take(rows) for field, lists in self.lists.items()})


def list_ids(lists: Mapping[int, Members]) -> tuple[ListIds, ...]:
    """Tensors of each list field's rows, in schema order."""
    return tuple(
        ListIds(field, torch.from_numpy(lists[field].rows.astype(np.int64)), torch.from_numpy(lists[field].offsets))
        for field in sorted(lists)
    )
