"""Your own files: CSV, TSV, Parquet, Arrow IPC or JSON lines, streamed, with fields named in the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, ValidationError, field_validator, model_validator
from pydantic import Field as Setting

from clickprompt.contracts import SPLITS, Field, Progress, TableSchema
from clickprompt.settings import ClickPromptError, Settings, did_you_mean
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile, Provenance, RawTable
from clickprompt.table.sources.base import SourceConfig, TypesWidened
from clickprompt.table.sources.formats import FileFormat, FileReader, check_encoding, reader_of
from clickprompt.table.sources.found_files import found_files
from clickprompt.table.sources.joined import joined
from clickprompt.table.sources.one_type import OneType, one_type

if TYPE_CHECKING:
    import polars as pl


def _as_paths(value: Any) -> Any:
    if isinstance(value, str | Path):
        return (str(value),)
    return (
        [str(item) if isinstance(item, Path) else item for item in value] if isinstance(value, list | tuple) else value
    )


def _as_label(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Paths = Annotated[tuple[str, ...], BeforeValidator(_as_paths), Setting(min_length=1)]


class LabelConfig(Settings):
    """The column that says whether a row was clicked."""

    column: str
    """Name of the column."""
    threshold: float | None = None
    """Values of at least this are clicks; without it the column must hold 0 and 1."""


class FilesSource(SourceConfig):
    """Your own files: CSV, TSV, Parquet, Arrow IPC or JSON lines, one or many, split here or already split."""

    path_settings: ClassVar[frozenset[str]] = frozenset({"path", *SPLITS})

    kind: Literal["files"] = "files"
    path: Paths | None = None
    """Files to be split: a path, a pattern such as `clicks-*.parquet`, an address such as `s3://bucket/*.parquet`, or a
    list of these. Texts may be compressed, as `clicks.csv.gz`."""
    train: Paths | None = None
    """Files already split, likewise; then `validation` and `test` are needed too."""
    validation: Paths | None = None
    """See `train`."""
    test: Paths | None = None
    """See `train`."""
    format: FileFormat | None = None
    """What the files are, where their endings do not say."""
    encoding: Annotated[str, Setting(min_length=1)] = "utf-8"
    """Encoding of CSV, TSV and JSON lines."""
    separator: Annotated[str, Setting(min_length=1)] | None = None
    """Between the cells of a line; by default a comma in CSV and a tab in TSV."""
    fields: Annotated[tuple[Field, ...], Setting(min_length=1)]
    """The columns that models see, in sentence order."""
    label: Annotated[LabelConfig, BeforeValidator(_as_label)]
    """The column that says whether a row was clicked: its name, or `column` and `threshold`."""
    weight: str | None = None
    """Column of sample weights, zero or more."""
    timestamp: str | None = None
    """Column that orders the rows in time: numbers, dates or ISO 8601 texts."""
    group_field: str | None = None
    """Field whose values own rows; by default the first categorical field of the user's side."""

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            return check_encoding(encoding)
        except ClickPromptError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _files_are_named_once(self) -> FilesSource:
        named = [name for name in SPLITS if getattr(self, name) is not None]
        if bool(self.path) == bool(named):
            raise ValueError("name either path, or train, validation and test")
        if named and len(named) < len(SPLITS):
            lacking = next(name for name in SPLITS if name not in named)
            raise ValueError(f"{lacking} is missing; name train, validation and test, or path to have it split")
        try:
            names = self.schema_.names
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        if self.label.column in names:
            raise ValueError(f"the label column {self.label.column!r} is also a field; models would see the answer")
        if self.label.column == self.weight:
            raise ValueError(
                f"the label column {self.weight!r} is also the weight; rows without a click would not count"
            )
        return self

    @property
    def schema_(self) -> TableSchema:
        """The fields, and which of them owns rows."""
        users = (field.name for field in self.fields if field.side == "user" and field.kind == "categorical")
        return TableSchema(fields=self.fields, group_field=self.group_field or next(users, None))

    def inputs(self) -> tuple[InputFile, ...]:
        """The files that paths, patterns and addresses name, sorted within a pattern."""
        if self.path is not None:
            return found_files(self.path, None)
        return tuple(file for split in SPLITS for file in found_files(getattr(self, split), split))

    def read(self, progress: Progress, bad: BadRows | None = None) -> RawTable:
        """All pieces in one frame."""
        bad = bad or BadRows()
        types: dict[str, Any] = {}
        while True:
            try:
                pieces = list(self.pieces(progress, bad, types))
                break
            except TypesWidened:
                bad.forget()
        bad.check()
        return joined(pieces)

    def pieces(self, progress: Progress, bad: BadRows, types: dict[str, Any]) -> Iterator[RawTable]:
        """Every file in order, checked to have the columns. `types`: by file of JSON lines, what its keys are."""
        readers = [
            reader_of(file, encoding=self.encoding, separator=self.separator, format=self.format)
            for file in self.inputs()
        ]
        known = [reader.known_types() for reader in readers]
        for reader, columns in zip(readers, known, strict=True):
            if columns is not None:
                self._check_columns(columns, reader.file)
        learnt = [
            types.setdefault(reader.file.name, {}) if columns is None else columns
            for reader, columns in zip(readers, known, strict=True)
        ]
        given: OneType | None = None
        widened = False
        for reader, columns, own in zip(readers, known, learnt, strict=True):
            if widened and columns is not None:
                continue  # of the files that are left, only JSON lines have something to tell
            rows = 0
            for frame, numbers in reader.pieces(own, bad):
                rows += len(numbers)
                wanted = self._one_type(readers, learnt)
                widened = widened or (given is not None and wanted != given)
                if widened or not len(numbers):
                    continue
                given = wanted
                if wanted.types.keys() >= self._used().keys():  # else a later line has the rest, or the file is refused
                    yield self._piece(given.conform(frame, reader.file.name, numbers), reader.file, numbers)
            if not rows:
                raise ClickPromptError(f"{reader.file.name}: the file has no rows")
            self._check_columns(own, reader.file)
        if widened:
            raise TypesWidened

    def _piece(self, frame: pl.DataFrame, file: InputFile, numbers: np.ndarray) -> RawTable:
        return RawTable(
            frame=frame,
            schema=self.schema_,
            provenance=Provenance((file.name,), (frame.height,), numbers),
            label=self.label.column,
            threshold=self.label.threshold,
            weight=self.weight,
            timestamp=self.timestamp,
            given=None if file.part is None else {file.part: range(frame.height)},
        )

    def _one_type(self, readers: list[FileReader], learnt: list[dict[str, pl.DataType]]) -> OneType:
        files = [(reader.file.name, types) for reader, types in zip(readers, learnt, strict=True) if types]
        return one_type(files, list(self._used()), self.fields)

    def _used(self) -> dict[str, str]:
        """What each column that is read is used for."""
        used = {field.name: "field" for field in self.fields}
        others = {"label": self.label.column, "weight": self.weight, "timestamp": self.timestamp}
        return used | {column: use for use, column in others.items() if column is not None and column not in used}

    def _check_columns(self, columns: Iterable[str], file: InputFile) -> None:
        present = list(columns)
        for column, use in self._used().items():
            if column not in present:
                near = did_you_mean(column, present)
                raise ClickPromptError(f"{file.name}: no column {column!r} for the {use}{near}")
