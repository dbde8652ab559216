"""A vocabulary that grows by rows it has not seen: old values keep their embedding rows, new ones get rows too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from clickprompt.contracts import MOST_ROWS, Field
from clickprompt.settings import ClickPromptError
from clickprompt.table.buckets import Buckets
from clickprompt.table.candidates import find_candidates, ranking
from clickprompt.table.factors import Factors, text_ranks
from clickprompt.table.members import offsets_of
from clickprompt.table.score_as import score_text
from clickprompt.table.vocabulary import Vocabulary, field_statistics


@dataclass(frozen=True)
class Growth:
    """A grown vocabulary, and where its embedding rows come from."""

    vocabulary: Vocabulary
    origin: np.ndarray
    """int64 (embedding rows,): the old row that each one was, OOV rows among them; −1 for a new value."""
    ages: np.ndarray
    """int32 (V,): updates in a row that have not seen the value in training rows; 0: the last one has."""
    added: dict[str, int]
    """New values by field; fields without any are left out."""
    dropped: dict[str, int]
    """Likewise, values that were not seen for too long."""


def grow(
    vocabulary: Vocabulary,
    factors: Sequence[Factors],
    train: np.ndarray,
    min_count: int,
    ages: np.ndarray | None = None,
    drop_unseen: int | None = None,
) -> Growth:
    """Add the values that at least `min_count` of the rows `train` hold; counts of training rows add up.

    Within each field values are numbered anew, the most frequent first. Edges of buckets stay, as do hashed rows.
    `ages` int32 (V,) are those of the old values. With `drop_unseen`, values that so many updates in a row have not
    seen go, this one counted; never numbers' buckets, hashed rows, or what a field is scored as.
    """
    old = vocabulary.statistics
    ages = np.zeros(int(old.offsets[-1]), np.int32) if ages is None else ages
    fields = []
    for place, (field, factor) in enumerate(zip(vocabulary.schema.fields, factors, strict=True)):
        own = slice(*map(int, old.offsets[place : place + 2]))
        names, counts = _counted(field, factor, train, vocabulary)
        keep_order = field.hash_rows is not None
        texts = names if keep_order else vocabulary.texts[own].to_pylist()  # a bundle keeps no names of hashes
        before = _Values(texts, old.counts[own], ages[own], np.arange(own.start, own.stop))
        after = _renewed(before, names, counts, 0 if keep_order else min_count)
        if drop_unseen is not None and not keep_order and field.kind != "numeric":
            scored = None if field.score_as is None else score_text(field)
            fixed = np.array([text == scored for text in after.texts], dtype=bool)
            after = after.take(np.flatnonzero((after.ages < drop_unseen) | fixed))
        fields.append(after if keep_order else after.take(ranking(text_ranks(after.texts), after.counts)))
    return _numbered(vocabulary, fields)


@dataclass(frozen=True)
class _Values:
    """Values of one field that own rows."""

    texts: list[str]
    counts: np.ndarray
    ages: np.ndarray
    origin: np.ndarray

    def take(self, places: np.ndarray) -> _Values:
        texts = [self.texts[place] for place in places]
        return _Values(texts, self.counts[places], self.ages[places], self.origin[places])


def _counted(field: Field, factor: Factors, train: np.ndarray, vocabulary: Vocabulary) -> tuple[list[str], np.ndarray]:
    """Names of what may own a row of the field, and how many of the rows `train` lead to each, int64."""
    counts = np.bincount(factor.codes[train], minlength=len(factor.texts))
    if field.kind == "numeric":
        edges = vocabulary.buckets[field.name].edges
        names = Buckets.texts(edges)
        held = np.bincount(Buckets.over(edges, factor.numbers()), weights=counts, minlength=len(names))
        return names, held.astype(np.int64)
    found = find_candidates(field, factor, counts, min_count=1, numeric_buckets=2)
    return found.texts, found.counts


def _renewed(before: _Values, names: list[str], counts: np.ndarray, min_count: int) -> _Values:
    """Old values in their order with counts and ages brought up to date, then the new ones."""
    places = {text: place for place, text in enumerate(before.texts)}
    known = np.array([places.get(name, -1) for name in names], dtype=np.int64)
    seen = np.zeros(len(before.texts), np.int64)
    seen[known[known >= 0]] = counts[known >= 0]
    new = np.flatnonzero((known < 0) & (counts >= max(1, min_count)))
    return _Values(
        [*before.texts, *(names[place] for place in new)],
        np.concatenate([before.counts + seen, counts[new]]).astype(np.int64),
        np.concatenate([np.where(seen > 0, 0, before.ages + 1), np.zeros(len(new))]).astype(np.int32),
        np.concatenate([before.origin, np.full(len(new), -1)]).astype(np.int64),
    )


def _numbered(vocabulary: Vocabulary, fields: Sequence[_Values]) -> Growth:
    schema, old = vocabulary.schema, vocabulary.statistics
    offsets = offsets_of(np.array([len(values.texts) for values in fields]))
    if offsets[-1] + len(fields) > MOST_ROWS:
        raise ClickPromptError(f"the values come to {offsets[-1]:,} embedding rows; at most {MOST_ROWS:,} fit")
    buckets = {}
    for place, field in enumerate(schema.fields):
        if field.kind == "numeric":
            row_of = {text: offsets[place] + row for row, text in enumerate(fields[place].texts)}
            edges, outside = vocabulary.buckets[field.name].edges, offsets[-1] + place
            rows = [row_of.get(name, outside) for name in Buckets.texts(edges)]
            buckets[field.name] = Buckets(edges, np.array(rows, dtype=np.int32))
    origins = [values.origin for values in fields]
    added = {name: int((of == -1).sum()) for name, of in zip(schema.names, origins, strict=True)}
    sizes = np.diff(old.offsets)
    dropped = {name: int(size - (of >= 0).sum()) for name, of, size in zip(schema.names, origins, sizes, strict=True)}
    texts = pa.array([text for values in fields for text in values.texts], pa.large_string())
    counts = np.concatenate([values.counts for values in fields])
    return Growth(
        vocabulary=Vocabulary(schema, texts, field_statistics(schema, offsets, counts), buckets),
        origin=np.concatenate([*origins, int(old.offsets[-1]) + np.arange(len(fields))]),
        ages=np.concatenate([values.ages for values in fields]),
        added={name: count for name, count in added.items() if count},
        dropped={name: count for name, count in dropped.items() if count},
    )
