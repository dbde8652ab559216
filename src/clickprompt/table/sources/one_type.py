"""One type for each column of a table, whatever the types that its files give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clickprompt.contracts import Field
from clickprompt.settings import ClickPromptError, first_line
from clickprompt.table.factors import CellError, factorise
from clickprompt.table.lists import as_list_column

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class OneType:
    """What the columns of all pieces of a table are to be."""

    types: Mapping[str, pl.DataType]
    texts: frozenset[str]
    """Columns that are texts in one file and something else in another: they become the texts that they stand for."""
    lists: Mapping[str, Field]
    """Fields that are lists, by name: what their cells become are lists of texts."""

    def conform(self, frame: pl.DataFrame, file: str, numbers: np.ndarray) -> pl.DataFrame:
        """The frame with all columns, of these types. Raises ClickPromptError for a cell that has no text."""
        import polars as pl

        if dict(frame.schema) == self.types and list(frame.schema) == list(self.types) and not self.texts:
            return frame
        columns = []
        for name, kind in self.types.items():
            if name not in frame.columns:
                columns.append(pl.Series(name, [None], dtype=kind).new_from_index(0, frame.height))
                continue
            try:
                columns.append(self._texts(frame[name]) if name in self.texts else frame[name].cast(kind))
            except CellError as error:
                raise ClickPromptError(f"{file}, row {numbers[error.row]:,}: {name} {error}") from None
            except pl.exceptions.PolarsError as error:
                reason = first_line(error)
                raise ClickPromptError(
                    f"{file}: column {name!r} does not fit those of other files ({reason})"
                ) from None
        return pl.DataFrame(columns)

    def _texts(self, column: pl.Series) -> pl.Series:
        import polars as pl

        if column.name in self.lists:
            return pl.Series(column.name, as_list_column(column, self.lists[column.name]), dtype=pl.List(pl.String))
        factors = factorise(column)
        return pl.Series(column.name, factors.texts, dtype=pl.String)[factors.codes]


def one_type(
    files: Sequence[tuple[str, Mapping[str, pl.DataType]]], used: Sequence[str], fields: Sequence[Field]
) -> OneType:
    """The types that hold what all files hold; `files`: name and types of each.

    Raises ClickPromptError where columns that nothing uses do not fit together.
    """
    import polars as pl

    if not files:
        return OneType({}, frozenset(), {})
    lists = {field.name: field for field in fields if field.kind == "list"}
    texts = set()
    for column in used:
        kinds = {types[column] for _, types in files if column in types} - {pl.Null()}
        if len(kinds) > 1 and not all(kind.is_numeric() for kind in kinds):
            texts.add(column)
    frames = [
        pl.DataFrame(
            schema={
                name: (pl.List(pl.String) if name in lists else pl.String()) if name in texts else kind
                for name, kind in types.items()
            }
        )
        for _, types in files
    ]
    try:
        schema = pl.concat(frames, how="diagonal_relaxed").schema
    except pl.exceptions.PolarsError as error:
        reason = first_line(error)
        raise ClickPromptError(f"{files[0][0]} and others: columns do not fit together ({reason})") from None
    same = all(list(types) == list(schema) for _, types in files)
    types = dict(schema) if same else dict(sorted(schema.items()))  # whichever file comes first
    return OneType(types, frozenset(texts), lists)
