"""Values and their embedding rows, for rows that were never seen: what a bundle ships and serving encodes with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clickprompt.contracts import Field, FieldStatistics, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, write_file
from clickprompt.table.buckets import Buckets
from clickprompt.table.factors import CellError, Factors, numbers_of
from clickprompt.table.hashing import hashes
from clickprompt.table.lists import ListFactors, factorise_field
from clickprompt.table.members import Members
from clickprompt.table.text_table import read_texts, write_texts
from clickprompt.table.value_index import ValueIndex


@dataclass(frozen=True)
class EncodedRows:
    """Rows as a model reads them."""

    feature_ids: np.ndarray
    """int32 (rows, fields): embedding rows; in a list field the OOV row."""
    text_codes: np.ndarray
    """int32 (rows, fields): places in `texts`, for the sentence."""
    texts: list[list[str]]
    """Distinct canonical texts of each field."""
    unseen: dict[str, int]
    """Rows whose value, or an item of it, is outside the vocabulary, by field; fields without any are left out."""
    missing_columns: tuple[str, ...]
    """Fields that the rows have no column for; they read as missing values."""
    members: dict[int, Members]
    """By list field's place: embedding rows of the items of each of its `texts`."""


@dataclass(frozen=True)
class Vocabulary:
    """The values that own embedding rows, field by field, the most frequent in training first."""

    schema: TableSchema
    texts: pa.Array
    """(V,): text of each; of a numeric field its buckets' names, of a list field its items, of a hashed one names,
    which `save` leaves empty."""
    statistics: FieldStatistics
    buckets: dict[str, Buckets]
    """By numeric field."""
    saved_index: ValueIndex | None = None
    """What was saved beside the texts; None: made when it is first needed."""

    @cached_property
    def index(self) -> ValueIndex:
        """Where each text's embedding row is found."""
        return self.saved_index or ValueIndex.build(self.texts, self.statistics.offsets, self.schema)

    def encode(self, columns: Mapping[str, Any]) -> EncodedRows:
        """Look up rows given as columns: sequences, arrays, or polars, pandas or Arrow columns.

        Columns that are no field are ignored, and so are those of fields with `score_as`. Raises ClickPromptError when
        no column is a field, when lengths differ, or for a cell of a numeric field that is no number.
        """
        names = self.schema.names
        rows = _length({name: columns[name] for name in names if name in columns}, names)
        fixed = {f.name: pa.repeat(f.score_as, rows) for f in self.schema.fields if f.score_as is not None}
        columns = {**columns, **fixed}
        ids = np.empty((rows, len(names)), dtype=np.int32)
        codes = np.empty_like(ids)
        texts, unseen, members = [], {}, {}
        for place, field in enumerate(self.schema.fields):
            if field.name in columns:
                factors = _factors(columns[field.name], field)
            else:
                factors = replace(_factors([None], field), codes=np.zeros(rows, dtype=np.int32))
            outside = int(self.statistics.offsets[-1]) + place
            if isinstance(factors, ListFactors):
                of_item = self.rows_of(place, factors.items)
                members[place] = Members(factors.members.offsets, of_item[factors.members.rows])
                ids[:, place] = outside
                strange = members[place].any(members[place].rows == outside)
            else:
                found = self.rows_of(place, factors.texts)
                ids[:, place] = found[factors.codes]
                strange = found == outside
            codes[:, place] = factors.codes
            texts.append(factors.texts)
            count = int(strange[factors.codes].sum())
            if count and field.name in columns:
                unseen[field.name] = count
        missing = tuple(name for name in names if name not in columns)
        return EncodedRows(ids, codes, texts, unseen, missing, members)

    def save(self, folder: Path) -> None:
        """Write `vocabulary.arrow`, `vocabulary.json` and `value_index.npy` into a folder."""
        statistics = self.statistics
        fields = np.repeat(np.arange(statistics.num_fields), np.diff(statistics.offsets)).astype(np.uint16)
        write_texts(folder / "vocabulary.arrow", self._texts_to_save(), fields, count=statistics.counts)
        self.index.save(folder)
        content = {
            "schema": self.schema.model_dump(mode="json"),
            "offsets": statistics.offsets.tolist(),
            "numeric": buckets_to_json(self.buckets),
        }
        write_file(folder / "vocabulary.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Map what `save` wrote into memory."""
        with clear_disk_errors(folder):
            content = json.loads((folder / "vocabulary.json").read_bytes())
        table = read_texts(folder / "vocabulary.arrow")
        schema = TableSchema.model_validate(content["schema"])
        statistics = field_statistics(schema, np.array(content["offsets"], dtype=np.int64), table.numbers("count"))
        index = ValueIndex.open(folder, table.texts, statistics.offsets)
        return cls(schema, table.texts, statistics, buckets_from_json(content["numeric"]), index)

    def rows_of(self, place: int, texts: list[str]) -> np.ndarray:
        """int32: embedding row of each canonical text of the field at this place, of a list field its items."""
        field = self.schema.fields[place]
        if field.kind == "numeric":
            return self.buckets[field.name].rows_of(numbers_of(texts))
        if field.hash_rows is not None:
            return (self.statistics.offsets[place] + hashes(texts, field.hash_rows)).astype(np.int32)
        outside, find = int(self.statistics.offsets[-1]) + place, self.index.find
        found = (find(place, text) for text in texts)
        return np.fromiter((outside if row is None else row for row in found), np.int32, len(texts))

    def _texts_to_save(self) -> pa.Array:
        """The texts without names of hashes, which nobody looks up."""
        if all(field.hash_rows is None for field in self.schema.fields):
            return self.texts
        offsets, empty = self.statistics.offsets.tolist(), pa.scalar("", pa.large_string())
        return pa.concat_arrays(
            self.texts.slice(start, stop - start) if field.hash_rows is None else pa.repeat(empty, stop - start)
            for field, start, stop in zip(self.schema.fields, offsets, offsets[1:], strict=False)
        )


def field_statistics(schema: TableSchema, offsets: np.ndarray, counts: np.ndarray) -> FieldStatistics:
    """What methods may know of these values."""
    sides, pooling = tuple(field.side for field in schema.fields), tuple(field.pooling for field in schema.fields)
    return FieldStatistics(schema.names, sides, offsets, counts, pooling)


def buckets_to_json(buckets: Mapping[str, Buckets]) -> dict[str, Any]:
    """Edges and embedding rows of numeric fields, exactly."""
    return {name: {"edges": b.edges.tolist(), "rows": b.rows.tolist()} for name, b in buckets.items()}


def buckets_from_json(content: Mapping[str, Any]) -> dict[str, Buckets]:
    """What `buckets_to_json` wrote."""
    return {
        name: Buckets(np.array(b["edges"], dtype=np.float64), np.array(b["rows"], dtype=np.int32))
        for name, b in content.items()
    }


def _factors(column: Any, field: Field) -> Factors:
    try:
        return factorise_field(column, field)
    except CellError as error:
        raise ClickPromptError(f"row {error.row + 1:,}: {field.name} {error}") from None


def _length(columns: Mapping[str, Sequence[Any]], names: Iterable[str]) -> int:
    lengths = {name: len(column) for name, column in columns.items()}
    if not lengths:
        raise ClickPromptError(f"the rows have none of the fields; expected columns such as {', '.join(names)}")
    first, rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != rows:
            raise ClickPromptError(f"column {name!r} has {length:,} rows, but {first!r} has {rows:,}")
    return rows
