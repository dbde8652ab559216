"""What a description says. Shares are from 0 to 1; None stands for what is not known or has no meaning."""

from __future__ import annotations

from dataclasses import dataclass

from clickprompt.contracts import FieldKind, FieldSide, SplitName


@dataclass(frozen=True)
class SplitRows:
    """Size of a split."""

    name: SplitName
    rows: int
    positives: int

    @property
    def label_rate(self) -> float:
        """positives / rows"""
        return self.positives / self.rows


@dataclass(frozen=True)
class TopValue:
    """A frequent value, or item of a list."""

    text: str
    rows: int
    """Training rows that hold it."""
    share: float
    """Of training rows."""
    label_rate: float
    """Of the training rows that hold it."""


@dataclass(frozen=True)
class Tail:
    """The long tail: the least frequent values, whose training rows make up the last `tail_share` of all."""

    limit: int
    """Training rows that a value of the tail has at most."""
    values: float
    """Share of the values that training rows hold."""
    rows: float
    """Share of training rows (of a list, of its items) that the tail in fact makes up; equal counts stay together."""


@dataclass(frozen=True)
class OutsideTraining:
    """How far a split goes beyond training rows."""

    rows: float | None
    """Share of rows whose value no training row holds; None for lists."""
    values: float | None
    """Share of the split's distinct values that no training row holds; None for lists."""
    vocabulary: float
    """Share of rows whose value, or an item of it, shares the field's out-of-vocabulary row."""


@dataclass(frozen=True)
class Numbers:
    """Range of a numeric field over training rows."""

    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True)
class FieldDescription:
    """One field."""

    name: str
    kind: FieldKind
    side: FieldSide
    distinct: int
    """Values that a row holds; of a list field, distinct lists."""
    embedding_rows: int
    """Values, buckets, items or hashes with a row of their own."""
    missing: dict[SplitName, float]
    """Share of rows without a value."""
    top: tuple[TopValue, ...]
    """The most frequent in training, the most frequent first; items of a list field."""
    tail: Tail | None
    """None for numbers."""
    outside: dict[SplitName, OutsideTraining]
    """Of validation and test."""
    numbers: Numbers | None = None
    """None where training rows hold no number."""
    items: float | None = None
    """Items of a list in a training row, on average."""


@dataclass(frozen=True)
class OverTime:
    """Rows and positives in bins of time; bin b reaches from `edges[b]` to `edges[b + 1]`."""

    unit: str
    """`microseconds` since 1970 (UTC), or `as given`."""
    edges: tuple[float, ...]
    rows: tuple[tuple[int, ...], ...]
    """By bin: train, validation, test."""
    positives: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Lengths:
    """Tokens of the sentences of all rows, special tokens included."""

    language_model: str
    max_length: int
    mean: float
    quantiles: dict[str, int]
    """By share of rows that have at most so many: `0.5` is the median."""
    cut: dict[SplitName, float]
    """Share of rows whose sentence is longer than `max_length`."""
    counts: tuple[int, ...]
    """Rows with 0, 1, 2, … tokens."""


@dataclass(frozen=True)
class Example:
    """A training row in words."""

    sentence: str
    label: int
    tokens: int | None
    """None where no language model reads."""


@dataclass(frozen=True)
class Description:
    """Everything `clickprompt data describe` says."""

    title: str
    prepared: str
    order: str
    """How rows were split: time, shuffle, user or given."""
    splits: tuple[SplitRows, ...]
    fields: tuple[FieldDescription, ...]
    tail_share: float
    over_time: OverTime | None
    """None where rows have no time."""
    lengths: Lengths | None
    """None where no language model reads."""
    examples: tuple[Example, ...]
    duplicates_dropped: int
    bad_rows: tuple[str, ...]
    hints: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What else makes these rows others than those of the files."""
