"""Rows that came after a vocabulary was made, to learn from: their own distinct values, in the order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clickprompt.contracts import Progress, TableSchema
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.checking import check_cells
from clickprompt.table.config import SplitConfig
from clickprompt.table.duplicates import repeated
from clickprompt.table.factors import Factors
from clickprompt.table.lists import ListFactors
from clickprompt.table.members import Members, offsets_of
from clickprompt.table.prepared import Split
from clickprompt.table.rows import row_hashes
from clickprompt.table.score_as import score_text, with_score_texts
from clickprompt.table.sources.files import FilesSource
from clickprompt.table.splitting import ordered_rows
from clickprompt.table.time_order import tie_keys
from clickprompt.table.vocabulary import Vocabulary


@dataclass(frozen=True)
class FreshRows:
    """Rows of files, whose distinct values are numbered field after field; the order is that of time."""

    schema: TableSchema
    factors: list[Factors]
    labels: np.ndarray
    """float32 (rows,)"""
    weights: np.ndarray | None
    """float32 (rows,); None where all are 1."""
    order: np.ndarray
    """int64: row numbers that count, the earliest first; shuffled where there is no time."""
    timed: bool
    """Whether there is a time to go by."""

    @property
    def starts(self) -> np.ndarray:
        """int64 (fields + 1,): number of each field's first value."""
        return offsets_of(np.array([len(factor.texts) for factor in self.factors]))

    @property
    def texts(self) -> tuple[list[str], np.ndarray]:
        """Text of each value, and the field of each, int64."""
        sizes = [len(factor.texts) for factor in self.factors]
        return [text for factor in self.factors for text in factor.texts], np.repeat(np.arange(len(sizes)), sizes)

    @property
    def scored_as(self) -> dict[int, int]:
        """The value that scoring puts in place of a row's own, by the place of the field."""
        return {
            place: int(self.starts[place]) + self.factors[place].texts.index(score_text(field))
            for place, field in enumerate(self.schema.fields)
            if field.score_as is not None
        }

    def split(self, rows: np.ndarray) -> Split:
        """These rows, in this order."""
        ids = np.stack([f.codes[rows] + start for f, start in zip(self.factors, self.starts, strict=False)], axis=1)
        return Split(ids.astype(np.int32), self.labels[rows], None if self.weights is None else self.weights[rows])

    def embedding_rows(self, vocabulary: Vocabulary) -> tuple[np.ndarray, Members | None]:
        """int32 (values,): the row of each value in a vocabulary, the OOV row for lists; and the items of lists."""
        rows, lists, any_list = [], [], False
        for place, factor in enumerate(self.factors):
            if isinstance(factor, ListFactors):
                any_list = True
                of_item = vocabulary.rows_of(place, factor.items)
                lists.append(Members(factor.members.offsets, of_item[factor.members.rows]))
                outside = int(vocabulary.statistics.offsets[-1]) + place
                rows.append(np.full(len(factor.texts), outside, dtype=np.int32))
            else:
                lists.append(Members(np.zeros(len(factor.texts) + 1, np.int64), np.empty(0, np.int32)))
                rows.append(vocabulary.rows_of(place, factor.texts))
        if not any_list:
            return np.concatenate(rows), None
        lengths = np.concatenate([some.lengths for some in lists])
        return np.concatenate(rows), Members(offsets_of(lengths), np.concatenate([some.rows for some in lists]))

    def unseen(self, vocabulary: Vocabulary, rows: np.ndarray) -> dict[str, float]:
        """By field, the share of these rows whose value, or an item of it, has no embedding row of its own."""
        of_value, members = self.embedding_rows(vocabulary)
        outside = int(vocabulary.statistics.offsets[-1])
        strange = of_value >= outside
        if members is not None:
            lists = members.lengths > 0
            strange[lists] = members.any(members.rows >= outside)[lists]
        return dict(zip(self.schema.names, strange[self.split(rows).value_ids].mean(axis=0).tolist(), strict=True))


def read_fresh_rows(source: FilesSource, split: SplitConfig, bad: BadRows, progress: Progress) -> FreshRows:
    """Read and check files; of rows that are equal in every column the first counts, where `split` says so.

    Raises ClickPromptError for anything amiss, with file and row, as far as `bad` does not leave such rows out.
    """
    raw = source.read(progress, bad)
    checked = check_cells(raw, bad, by_time=raw.timestamp is not None)
    table, labels, weights = checked.raw, checked.labels, checked.weights
    factors = with_score_texts(table.schema, checked.factors)
    every = np.arange(table.frame.height)
    kept = every[~repeated(row_hashes(table.frame))] if split.drop_duplicates else every
    ordered = ordered_rows(split, checked.times, kept, tie_keys(factors, labels, weights))
    return FreshRows(table.schema, factors, labels.astype(np.float32), weights, ordered, bool(table.timestamp))
