"""What the server asks of a model, whichever way it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from clickprompt.contracts import TableSchema


class Encoded(Protocol):
    """Rows of one request, looked up in the vocabulary; only the scorer that made them knows what is inside."""

    @property
    def rows(self) -> int:
        """How many."""
        ...

    def part(self, start: int, stop: int) -> Encoded:
        """Rows `start` to `stop` (exclusive) alone; what was counted as unseen goes with the part that starts at 0."""
        ...


@dataclass(frozen=True)
class Scored:
    """Answer to one request."""

    probability: np.ndarray
    """float32 (rows,)"""
    unseen: Mapping[str, int]
    """Rows with a value (a list's item) outside the vocabulary, by field; fields without any are left out."""


class Scorer(Protocol):
    """A loaded model. Safe to use from several threads."""

    @property
    def schema(self) -> TableSchema:
        """Its fields; those with `score_as` take no input."""
        ...

    @property
    def rows_at_once(self) -> int:
        """Rows that one run takes at most, so that no request waits long for another; larger ones come in parts."""
        ...

    @property
    def rows_inline(self) -> int:
        """Requests of at most so many rows are scored in the event loop, faster than another thread hears of them."""
        ...

    def encode_rows(self, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> Encoded:
        """Look up rows, each a dict of field to value; a field that a row lacks is taken from `shared`, else missing.

        Raises ClickPromptError, in one line with the row and the field, for a value that cannot be used.
        """
        ...

    def encode_columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> Encoded:
        """As `encode_rows`, of columns of `rows` values; fields without a column are missing. In a list field each
        value is a list of items (None and "" among them are passed over), or one text cell."""
        ...

    def score(self, requests: Sequence[Encoded]) -> list[Scored]:
        """Score several requests in one go; each gets what it would have got alone."""
        ...

    def explain(self, row: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        """Probability of one row, and by field the probability were that field's value not in the vocabulary."""
        ...

    def examples(self, most: int) -> dict[str, list[Any]]:
        """By field that takes input, up to `most` values, the most frequent in training first."""
        ...
