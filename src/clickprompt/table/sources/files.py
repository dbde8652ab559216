"""Your own files: CSV, TSV, Parquet, Arrow IPC or JSON lines, with fields named in the recipe."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, ValidationError, field_validator, model_validator
from pydantic import Field as Setting

from clickprompt.contracts import SPLITS, Field, Progress, SplitName, TableSchema
from clickprompt.settings import ClickPromptError, Settings, did_you_mean
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.factors import CellError, factorise
from clickprompt.table.lists import as_list_column
from clickprompt.table.raw import InputFile, Provenance, RawTable
from clickprompt.table.sources.base import InputsNotFound, SourceConfig
from clickprompt.table.sources.formats import FileFormat, check_encoding, read_rows

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
    """Files to be split: a path, a pattern such as `clicks-*.parquet`, or a list of these."""
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
        """The files that paths and patterns name, sorted within a pattern."""
        if self.path is not None:
            return _find(self.path, None)
        return tuple(file for split in SPLITS for file in _find(getattr(self, split), split))

    def read(self, progress: Progress, bad: BadRows | None = None) -> RawTable:
        """Read every file and check that it has the columns."""
        import polars as pl

        bad = bad or BadRows()
        files, frames = self.inputs(), []
        for file in files:
            frame = read_rows(
                file.path,
                encoding=self.encoding,
                separator=self.separator,
                format=self.format,
                name=file.name,
                bad=bad,
            )
            if not frame.height:
                raise ClickPromptError(f"{file.name}: the file has no rows")
            self._check_columns(frame, file)
            frames.append(frame)
        frames = self._one_type_a_column(files, frames)
        heights = tuple(frame.height for frame in frames)
        bad.seen = sum(heights) + len(bad.rows)
        bad.check()
        numbers = None
        if bad.rows:
            numbers = np.concatenate([bad.numbers(f.name, h) for f, h in zip(files, heights, strict=True)])
        try:
            frame = pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0]
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0]
            raise ClickPromptError(f"{files[0].name} and others: columns do not fit together ({reason})") from None
        return RawTable(
            frame=frame,
            schema=self.schema_,
            provenance=Provenance(tuple(file.name for file in files), heights, numbers),
            label=self.label.column,
            threshold=self.label.threshold,
            weight=self.weight,
            timestamp=self.timestamp,
            given=None if self.path is not None else _ranges(files, heights),
        )

    def _used(self) -> dict[str, str]:
        """What each column that is read is used for."""
        used = {field.name: "field" for field in self.fields}
        others = {"label": self.label.column, "weight": self.weight, "timestamp": self.timestamp}
        return used | {column: use for use, column in others.items() if column is not None and column not in used}

    def _check_columns(self, frame: pl.DataFrame, file: InputFile) -> None:
        for column, use in self._used().items():
            if column not in frame.columns:
                near = did_you_mean(column, frame.columns)
                raise ClickPromptError(f"{file.name}: no column {column!r} for the {use}{near}")

    def _one_type_a_column(self, files: tuple[InputFile, ...], frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
        """Columns that are texts in one file and something else in another become the texts that they stand for."""
        import polars as pl

        for column in self._used():
            types = {frame.schema[column] for frame in frames} - {pl.Null()}
            if len(types) > 1 and not all(dtype.is_numeric() for dtype in types):
                for place, (frame, file) in enumerate(zip(frames, files, strict=True)):
                    try:
                        texts = self._texts(frame[column])
                    except CellError as error:
                        raise ClickPromptError(f"{file.name}, row {error.row + 1:,}: {column} {error}") from None
                    frames[place] = frame.with_columns(texts)
        return frames

    def _texts(self, column: pl.Series) -> pl.Series:
        """What a column's cells stand for: texts, or lists of texts where its field is a list."""
        import polars as pl

        for field in self.fields:
            if field.name == column.name and field.kind == "list":
                return pl.Series(column.name, as_list_column(column, field))
        factors = factorise(column)
        return pl.Series(column.name, factors.texts, dtype=pl.String)[factors.codes]


def _find(patterns: tuple[str, ...], part: SplitName | None) -> tuple[InputFile, ...]:
    found: list[InputFile] = []
    for pattern in patterns:
        expanded = str(Path(pattern).expanduser())
        if Path(expanded).is_dir():
            raise ClickPromptError(
                f"{pattern}: this is a folder; name a file, or a pattern such as {pattern}/*.parquet"
            )
        names = [pattern] if Path(expanded).is_file() else sorted(glob.glob(expanded, recursive=True))
        if not names:
            what = "no file matches" if glob.has_magic(expanded) else "no such file"
            raise InputsNotFound(f"{pattern}: {what}; check data.source.{part or 'path'}")
        found += [InputFile(name, Path(name).expanduser(), part) for name in names if not Path(name).is_dir()]
    return tuple(found)


def _ranges(files: tuple[InputFile, ...], heights: tuple[int, ...]) -> dict[SplitName, range]:
    ends = {split: sum(h for f, h in zip(files, heights, strict=True) if f.part == split) for split in SPLITS}
    starts = {"train": 0, "validation": ends["train"], "test": ends["train"] + ends["validation"]}
    return {split: range(starts[split], starts[split] + ends[split]) for split in SPLITS}
