"""Sentences of one side of a row alone: what is known of the user and of the moment, and what is known of the item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from clickprompt.batches.sentences import Sentences, token_batch
from clickprompt.contracts import SideSentences, TableSchema
from clickprompt.settings import ClickPromptError


@dataclass(frozen=True)
class Distinct:
    """The sentences of one side that some rows hold, each distinct one once, shorter ones first."""

    value_ids: np.ndarray
    """(sentences, columns of the side) value indices."""
    of_row: np.ndarray
    """int64 (rows,): which sentence each row holds."""


class Sides:
    """Reads rows as two sentences: the user's, of fields of side `user` and `context`, and the item's.

    A field's span is the one that stands in whole sentences, where all fields but the first begin with a space; so an
    item's sentence begins with a space for tokenizers that tell words by it. Raises ClickPromptError where either side
    has no field.
    """

    def __init__(self, sentences: Sentences, schema: TableSchema) -> None:
        self.sentences = sentences
        self.columns = side_columns(schema)

    def distinct(self, value_ids: np.ndarray) -> tuple[Distinct, ...]:
        """Distinct sentences of each side among rows, value_ids (rows, fields)."""
        return tuple(self._distinct(value_ids, columns) for columns in self.columns)

    def read(self, value_ids: np.ndarray) -> tuple[SideSentences, ...]:
        """Tensors of each side's distinct sentences among rows, value_ids (rows, fields)."""
        return tuple(
            SideSentences(token_batch(*self.sentences.lay_out(of.value_ids)), torch.from_numpy(of.of_row))
            for of in self.distinct(value_ids)
        )

    def lengths(self, value_ids: np.ndarray) -> np.ndarray:
        """Tokens of each row's sentences together, int64 (rows,)."""
        lengths = [self.sentences.lengths(value_ids[:, columns]) for columns in self.columns]
        return np.sum(lengths, axis=0)

    def _distinct(self, value_ids: np.ndarray, columns: np.ndarray) -> Distinct:
        first, of_row = distinct_rows(value_ids, columns)
        found = value_ids[first][:, columns]
        order = np.argsort(self.sentences.lengths(found), kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return Distinct(found[order], rank[of_row])


def side_columns(schema: TableSchema) -> tuple[np.ndarray, np.ndarray]:
    """Places of the user's fields, those of side `context` among them, and of the item's.

    Raises ClickPromptError where either side has none.
    """
    item = np.array([field.side == "item" for field in schema.fields])
    for empty, side in ((item.all(), "user"), (not item.any(), "item")):
        if empty:
            raise ClickPromptError(
                f"data: no field has side {side} ({', '.join(schema.names)}), and the method reads users and items "
                f"apart; set side: {side} where it is so"
            )
    return np.flatnonzero(~item), np.flatnonzero(item)


def distinct_rows(value_ids: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each distinct row of these columns stands first, and which of them each row is: int64 (distinct,), (rows,).

    Columns are folded into one number a row, so that only one is looked at at a time.
    """
    keys = np.zeros(len(value_ids), np.int64)
    first = np.zeros(min(1, len(keys)), np.int64)
    for column in columns:
        values = value_ids[:, column].astype(np.int64)
        keys = keys * (values.max(initial=0) + 1) + values
        _, first, keys = np.unique(keys, return_index=True, return_inverse=True)
    return first, keys
