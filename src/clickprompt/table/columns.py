"""Label, weight and timestamp columns as checked arrays; a bad cell is named by file and row."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from clickprompt.contracts import MISSING, Field
from clickprompt.settings import ClickPromptError
from clickprompt.table.canonical import canonical_number, canonical_text
from clickprompt.table.factors import BadCodes, CellError, Factors, distinct, map_distinct
from clickprompt.table.lists import factorise_field
from clickprompt.table.raw import RawTable

if TYPE_CHECKING:
    import polars as pl

Result = TypeVar("Result")

_TRUTH = {"0": 0, "1": 1, "false": 0, "true": 1}
_ROWS_FOR_THREADS, _THREADS = 50_000, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadCells(ClickPromptError):
    """Cells of a column that cannot be used; the message is that of the first."""

    def __init__(self, message: str, column: str, rows: np.ndarray, reasons: list[str]) -> None:
        super().__init__(message)
        self.column, self.rows, self.reasons = column, rows, reasons


def labels(table: RawTable) -> np.ndarray:
    """uint8 (rows,): 1 for a click. Raises ClickPromptError for a missing label or one that is no answer."""

    def label_of(value: Any) -> int:
        if _text(value) == MISSING:
            raise ValueError("every row needs a label")
        if table.threshold is not None:
            try:
                return int(float(canonical_number(value)) >= table.threshold)
            except ValueError:
                raise ValueError("expected a number, for data.source.label.threshold is set") from None
        text = _text(value).lower()
        if text not in _TRUTH:
            raise ValueError("expected 0 or 1, or set data.source.label.threshold")
        return _TRUTH[text]

    return _mapped(table, table.label, label_of, np.uint8)


def weights(table: RawTable) -> np.ndarray | None:
    """float32 (rows,), or None where the table has none. Raises ClickPromptError for a missing or negative one."""
    if table.weight is None:
        return None
    if table.frame[table.weight].dtype.is_nested():
        raise ClickPromptError(
            f"{table.provenance.files[0]}: column {table.weight!r} holds lists or mappings; expected weights of zero "
            "or more"
        )
    values = _floats(table.frame[table.weight])
    bad = ~(np.isfinite(values) & (values >= 0))
    _refuse(table, table.weight, bad, "expected a weight of zero or more")
    return values.astype(np.float32)


def timestamps(table: RawTable, dated: bool | None = None) -> tuple[np.ndarray, bool]:
    """int64 or float64 (rows,) of a table that has a timestamp, later is larger; and whether they are dates.

    Dates become microseconds since 1970. `dated`: whether they are, where other rows of the same table have shown it;
    else the column itself does. Raises ClickPromptError for one that is missing or no time.
    """
    import polars as pl

    assert table.timestamp is not None
    column = table.frame[table.timestamp]
    if column.dtype.is_nested():
        raise ClickPromptError(
            f"{table.provenance.files[0]}: column {table.timestamp!r} holds lists or mappings; expected numbers, dates "
            "or ISO 8601 texts"
        )
    temporal = column.dtype.is_temporal() and column.dtype != pl.Time and column.dtype != pl.Duration
    if temporal:
        if dated is False:
            _refuse(table, table.timestamp, column.is_not_null().to_numpy(), "expected a number, as in other rows")
        column = column.cast(pl.Datetime("us")).cast(pl.Int64)
    whole = _strings(column).cast(pl.Int64, strict=False) if not column.dtype.is_float() else column
    if column.dtype.is_integer() or not (dated or whole.is_null().any() or column.dtype.is_float()):
        _refuse(table, table.timestamp, whole.is_null().to_numpy(), "every row needs a time")
        if dated and not temporal:
            _refuse(table, table.timestamp, whole.is_not_null().to_numpy(), "expected a date, as in other rows")
        return whole.to_numpy(), temporal
    values = _floats(column)
    numbers = np.isfinite(values)
    enough = numbers.any() and (column.dtype.is_float() or numbers.mean() >= 0.5)
    if dated is False or (enough and not dated):  # else they stand among dates
        _refuse(table, table.timestamp, ~numbers, "expected a number, as in other rows")
        return values, False
    return _mapped(table, table.timestamp, _microseconds, np.int64), True


def field_factors(table: RawTable) -> list[Factors]:
    """Each field's distinct texts and codes. Raises ClickPromptError for a numeric field's cell that is no number."""

    def factors_of(field: Field) -> Factors:
        try:
            return factorise_field(table.frame[field.name], field)
        except CellError as error:
            raise _located(table, field.name, error) from None

    if table.frame.height < _ROWS_FOR_THREADS:
        return [factors_of(field) for field in table.schema.fields]
    with ThreadPoolExecutor(_THREADS) as threads:  # Arrow finds one field's values while Python names another's
        return list(threads.map(factors_of, table.schema.fields))


def _mapped(table: RawTable, column: str, function: Callable[[Any], Any], dtype: type[np.generic]) -> np.ndarray:
    try:
        codes, values = distinct(table.frame[column])
        return np.array(map_distinct(codes, values, function), dtype=dtype)[codes]
    except CellError as error:
        raise _located(table, column, error) from None


def _located(table: RawTable, column: str, error: CellError) -> ClickPromptError:
    shown = "label" if column == table.label else column
    message = f"{table.provenance.place(error.row)}: {shown} {error}"
    if error.others is None:
        return ClickPromptError(message)
    more = len(error.others.rows) - 1
    if more:
        message += f" ({more:,} more {'rows are' if more > 1 else 'row is'} refused)"
    reasons = [f"{shown} {told}" for told in error.others.told()]
    return BadCells(message, shown, error.others.rows, reasons)


def _refuse(table: RawTable, column: str, bad: np.ndarray, reason: str) -> None:
    """Raise BadCells for the rows that are `bad`, bool (rows,)."""
    if not bad.any():
        return
    rows = np.flatnonzero(bad)
    try:
        codes, values = distinct(table.frame[column][rows])
    except CellError as error:  # a time or a span that Python has none of
        raise _located(table, column, CellError(int(rows[error.row]), error.value, error.reason)) from None
    told = {code: str(CellError(0, value, reason)) for code, value in enumerate(values)}
    raise _located(table, column, CellError(int(rows[0]), values[codes[0]], reason, BadCodes(rows, codes, told)))


def _floats(column: pl.Series) -> np.ndarray:
    """Numbers, NaN where a cell is none."""
    import polars as pl

    return _strings(column).cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()


def _strings(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype in (pl.Categorical, pl.Enum, pl.Binary):
        column = column.cast(pl.String, strict=False)
    return column.str.strip_chars() if column.dtype == pl.String else column


def _microseconds(value: Any) -> int:
    text = _text(value)
    if text == MISSING:
        raise ValueError("every row needs a time")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a number, a date or an ISO 8601 time such as 2024-05-01T12:30:00") from None
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _text(value: Any) -> str:
    text = canonical_text(value)
    if isinstance(value, str):
        try:
            text = canonical_number(value)
        except ValueError:
            return text
    return text
