"""What travels between the stages: fields, schemas, batches, prompts, outputs. Imports no stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import Field as Setting
from pydantic import PositiveInt, StrictBool, ValidationInfo, field_validator, model_validator

from clickprompt.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

FieldKind = Literal["categorical", "text", "numeric", "list"]
Pooling = Literal["sum", "mean", "attention"]
FieldSide = Literal["user", "item", "context"]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
Reads = Literal["ids", "sentence", "sides", "values"]
"""What of a row a model reads: its ids alone, or beside them its whole sentence, a sentence for each side (user, item),
or vectors of its values' words."""
Hidden = Literal["words", "values", "fields"]
"""What pretraining hides: word pieces, all words of whole values, or ids."""

MISSING = "unknown"
"""Text of a missing value."""
MOST_ROWS = 2**31 - 1
"""Embedding rows that int32 can number."""


class Field(Settings):
    """One column of the table, as ID models and language models both see it."""

    name: str = Setting(min_length=1)
    """Column name; the sentence says "`name` is `value`."."""
    kind: FieldKind = "categorical"
    """`categorical` and `text` look up an embedding by value; `numeric` by quantile bucket, and is printed raw; `list`
    by item, pooled: list columns as they are, text cells split at `separator`, else a cell is one item."""
    side: FieldSide = "context"
    """Whose property it is."""
    hash_rows: PositiveInt | None = None
    """Embedding rows that values (a list's items) are hashed into instead of a vocabulary; no value is ever unseen."""
    pooling: Pooling | None = Setting(default=None, validate_default=True)
    """How the embeddings of a list's items become one; mean unless set."""
    max_items: PositiveInt | None = None
    """Items of a list that are kept at most."""
    keep: Literal["first", "last"] | None = Setting(default=None, validate_default=True)
    """Which end of a longer list stays; last unless set, for histories are oldest first."""
    separator: str | None = Setting(default=None, min_length=1)
    """What stands between the items of a list in a text cell, such as the stroke of "Comedy|Drama"."""
    score_as: StrictBool | str | int | float | None = None
    """Value that scoring puts in place of the row's own, for what is not known before ranking, such as the position an
    ad was shown at; training reads the real one."""

    @field_validator("pooling", "keep")
    @classmethod
    def _lists_have_defaults(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.field_name == "pooling":
            return value or ("mean" if info.data.get("kind") == "list" else None)
        return value or ("last" if info.data.get("max_items") is not None else None)

    @field_validator("score_as", mode="before")
    @classmethod
    def _score_as_is_one_value(cls, value: Any) -> Any:
        known = value is None or isinstance(value, str | int | float)
        if not known or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError("expected a text, a finite number, or true or false")
        return value

    @model_validator(mode="after")
    def _settings_belong_to_the_kind(self) -> Field:
        if self.kind == "numeric" and self.hash_rows is not None:
            raise ValueError(f"hash_rows is no setting of field {self.name!r}, for numbers have buckets; leave it out")
        if self.hash_rows is not None and self.hash_rows > MOST_ROWS:
            raise ValueError(f"hash_rows of field {self.name!r} is {self.hash_rows:,}; at most {MOST_ROWS:,} fit")
        if self.kind != "list":
            for name in ("pooling", "max_items", "keep", "separator"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is no setting of field {self.name!r} of kind {self.kind}; set kind: list")
        if self.keep is not None and self.max_items is None:
            raise ValueError(f"keep of field {self.name!r} cuts nothing without max_items; set that too")
        return self

    @model_validator(mode="after")
    def _score_as_is_a_value_of_the_kind(self) -> Field:
        if self.score_as is not None and self.kind == "list":
            raise ValueError(f"score_as is no setting of field {self.name!r} of kind list; leave it out")
        if self.score_as is not None and self.kind == "numeric" and isinstance(self.score_as, str | bool):
            raise ValueError(f"score_as of numeric field {self.name!r} is {self.score_as!r}; write a number, unquoted")
        return self

    @property
    def borrows(self) -> bool:
        """Whether what rows hold (numbers, lists, hashed texts) borrows rows of buckets, items or hashes."""
        return self.kind in ("numeric", "list") or self.hash_rows is not None


class TableSchema(Settings):
    """The fields of a table in sentence order."""

    fields: tuple[Field, ...] = Setting(min_length=1)
    group_field: str | None = None
    """Field whose values own rows (the user): grouped measures and the bootstrap go by it."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> TableSchema:
        names = self.names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"field {repeated[0]!r} is named twice")
        if self.group_field is not None and self.group_field not in names:
            raise ValueError(f"group_field {self.group_field!r} is not one of the fields ({', '.join(names)})")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Field names in order."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True)
class FieldStatistics:
    """What a method must know of the data: which embedding rows belong to which field, and how often each was seen.

    Field f owns embedding rows `offsets[f] : offsets[f + 1]`, most frequent first (hashed ones in order of the hash);
    its OOV row is `offsets[-1] + f`.
    """

    names: tuple[str, ...]
    sides: tuple[FieldSide, ...]
    offsets: np.ndarray
    """int64 (fields + 1,)"""
    counts: np.ndarray
    """int64 (offsets[-1],): training rows that hold each value, in a list or alone."""
    pooling: tuple[Pooling | None, ...] = ()
    """How each field's items are pooled, None where a row holds one value; empty where no field is a list."""

    @property
    def num_fields(self) -> int:
        """Number of fields."""
        return len(self.names)

    @property
    def num_embeddings(self) -> int:
        """Embedding rows in all, one OOV row a field included."""
        return int(self.offsets[-1]) + self.num_fields


class Tokenizer(Protocol):
    """What `text` needs of a tokenizer."""

    prefix_ids: tuple[int, ...]
    """Special tokens before every sentence, such as [CLS]."""
    suffix_ids: tuple[int, ...]
    """Special tokens after every sentence, such as [SEP]."""
    special_ids: frozenset[int]
    """Tokens that are never masked."""
    pad_id: int
    vocab_size: int

    @property
    def mask_id(self) -> int:
        """What stands where words are hidden."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the tokenizer does."""
        ...

    def encode(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids of each text without special tokens, and each token's (start, end) characters in it."""
        ...


@dataclass(frozen=True)
class TokenBatch:
    """Sentences as tokens, laid end to end: nothing is padded, so nothing needs a mask."""

    ids: Tensor
    """int64 (tokens,), sentence after sentence."""
    places: Tensor
    """int64 (tokens,): each token's place in its sentence, from 0."""
    starts: Tensor
    """int64 (batch,): where each sentence begins among the tokens."""
    runs: tuple[tuple[int, int], ...]
    """(sentences, their length) of neighbours of equal length, in order; few where rows are sorted by length."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence."""
        return max((length for _, length in self.runs), default=0)

    def to(self, device: torch.device | str) -> TokenBatch:
        """The same sentences on another device."""
        return _moved(self, lambda tensor: tensor.to(device, non_blocking=True))


@dataclass(frozen=True)
class ChosenTokens:
    """Tokens whose states are wanted, where others are not."""

    positions: Tensor
    """int64 (chosen,) among the batch's tokens, ascending."""
    most: int
    """Chosen ones in one sentence, at most."""


@dataclass(frozen=True)
class MaskedTokens(ChosenTokens):
    """The word pieces that a masked language model must recover."""

    targets: Tensor
    """int64 (chosen,) the tokens that stood there."""


@dataclass(frozen=True)
class SideSentences:
    """The sentences of one side (user or item), each distinct one once."""

    tokens: TokenBatch
    of_row: Tensor
    """int64 (batch,): which of the sentences each row holds."""


@dataclass(frozen=True)
class ListIds:
    """What rows hold in one list field, end to end: row b of the batch holds `members[offsets[b] : offsets[b + 1]]`."""

    field: int
    """Place of the field in the schema."""
    members: Tensor
    """int64 (all items,) embedding rows, in the order of each list."""
    offsets: Tensor
    """int64 (batch + 1,)"""


@dataclass(frozen=True)
class ClickBatch:
    """Rows on their way through a model."""

    rows: Tensor
    """int64 (batch,) positions in the split."""
    feature_ids: Tensor
    """int64 (batch, fields) embedding rows; in a list field the OOV row, whatever the list holds."""
    labels: Tensor
    """float32 (batch,) 0 or 1."""
    weights: Tensor | None = None
    """float32 (batch,) sample weights; None where all are 1."""
    tokens: TokenBatch | None = None
    """None where no language model reads."""
    masked: MaskedTokens | None = None
    """Set in pretraining that hides words or values: `tokens` then has mostly the mask token where they stood."""
    sides: tuple[SideSentences, ...] = ()
    """User side and item side, where a model reads them apart."""
    value_vectors: Tensor | None = None
    """float32 (batch, fields, d): vectors of each value's words, where a model reads them."""
    masked_fields: Tensor | None = None
    """bool (batch, fields), True where an id is to be hidden and recovered; set in pretraining that hides ids."""
    lists: tuple[ListIds, ...] = ()
    """One for each list field, in schema order."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def has_sentences(self) -> bool:
        """Whether an encoder reads this batch."""
        return self.tokens is not None or bool(self.sides)

    def to(self, device: torch.device | str) -> ClickBatch:
        """The same batch on another device; copies from pinned memory do not wait."""
        return self._with_each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> ClickBatch:
        """The same batch in memory that a GPU reads by itself."""
        return self._with_each(lambda tensor: tensor.pin_memory())

    def _with_each(self, change: Callable[[Tensor], Tensor]) -> ClickBatch:
        tokens, masked = self.tokens, self.masked
        if tokens is not None:
            tokens = _moved(tokens, change)
        if masked is not None:
            masked = replace(masked, positions=change(masked.positions), targets=change(masked.targets))
        return replace(
            self,
            rows=change(self.rows),
            feature_ids=change(self.feature_ids),
            labels=change(self.labels),
            weights=None if self.weights is None else change(self.weights),
            tokens=tokens,
            masked=masked,
            masked_fields=None if self.masked_fields is None else change(self.masked_fields),
            sides=tuple(SideSentences(_moved(side.tokens, change), change(side.of_row)) for side in self.sides),
            value_vectors=None if self.value_vectors is None else change(self.value_vectors),
            lists=tuple(ListIds(ids.field, change(ids.members), change(ids.offsets)) for ids in self.lists),
        )


def _moved(tokens: TokenBatch, change: Callable[[Tensor], Tensor]) -> TokenBatch:
    return replace(tokens, ids=change(tokens.ids), places=change(tokens.places), starts=change(tokens.starts))


@dataclass(frozen=True)
class Prompts:
    """Soft prompts for a language model, written by an ID model.

    `states` by space and place, for K prompts of a model with L layers, width d and B rows:
    `key_value` (L, B, K, 2, d): key and value of each prompt at each layer, before the split into heads;
    `hidden` (L, B, K, d): states that each layer's own key and value projections map;
    `first` (1, B, K, d): states that enter beside the word embeddings and are carried through all layers.
    """

    space: Literal["key_value", "hidden", "first"]
    states: Tensor

    @property
    def length(self) -> int:
        """K, prompts a layer."""
        return self.states.shape[2]


@dataclass(frozen=True)
class ModelOutput:
    """What a method returns for a batch."""

    logits: Tensor
    """float32 (batch,): probability = sigmoid(logit)."""


class LookupTable(Protocol):
    """An embedding table whose look-ups an optimizer may take over while it trains it."""

    weight: nn.Parameter
    """(rows, width)"""
    lookup: Callable[[Tensor], Tensor] | None
    """Ids int64 (…) → rows (…, width), in place of reading `weight`; None: `weight` is read."""


class Progress(Protocol):
    """Where long work reports how far it is."""

    def start(self, task: str, total: int | None, unit: str) -> Callable[[int, str], None]:
        """Begin a task; call the result with (done so far, a note such as the loss)."""
        ...

    def say(self, line: str) -> None:
        """One line for the user."""
        ...
