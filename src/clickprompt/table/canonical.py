"""The text of a value: one canonical string per value, for preparing, serving and export alike.

Integers have no point, floats are the shortest text that reads back the same, missing is `unknown`, strings are
stripped and NFC-normalised, lists are joined by ", ", dates are ISO 8601. What is no character (bytes that are not
UTF-8, half a surrogate pair) is written out, such as `\\xff`, so every text can be written as UTF-8. Called once per
distinct value (`factors.py`), never per row; a server's rows are few (`row_encoder.py`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from clickprompt.contracts import MISSING

MISSING_NUMBERS = frozenset({"", "na", "n/a", "nan", "null", "none", MISSING})
"""Texts, in lower case, that mean "no number here" in a numeric column."""

_LARGEST_INTEGER = 2.0**63
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def canonical_text(value: Any) -> str:
    """The one text of a value.

    Raises ValueError, with what was expected, for values that have none, such as a mapping.
    """
    match value:
        case None:
            return MISSING
        case str():
            return _text(value)
        case bool() | np.bool_():
            return "true" if value else "false"
        case int() | np.integer():
            return _whole(int(value))
        case float() | np.floating():
            return _float(value)
        case bytes():
            return _text(value.decode("utf-8", errors="backslashreplace"))
        case Decimal():
            return _decimal(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case np.datetime64() if np.datetime_data(value.dtype)[0] == "D":
            return canonical_text(value.item())
        case np.datetime64() | np.timedelta64():
            return canonical_text(
                value.astype("datetime64[us]" if isinstance(value, np.datetime64) else "m8[us]").item()
            )
        case np.ndarray():
            return canonical_text(list(value) if value.ndim else value[()])
        case Sequence():
            return joined([canonical_text(item) for item in value])
    raise ValueError("expected a text, a number, a truth value, a date or a list of those")


def joined(texts: Sequence[str]) -> str:
    """The text of a list whose items have these texts; missing items are left out."""
    return ", ".join(text for text in texts if text != MISSING) or MISSING


def canonical_number(value: Any) -> str:
    """The one text of a value of a numeric column; texts are read as numbers, so that "3.0" and 3 are one value.

    Raises ValueError for what is neither a finite number nor missing.
    """
    if type(value) is float and math.isfinite(value):  # the usual case, first because columns hold millions
        return _float(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, str):
        value = value.strip()
        if value.lower() in MISSING_NUMBERS:
            return MISSING
        if _INTEGER.fullmatch(value):
            return _whole(value)
        if not _NUMBER.fullmatch(value):
            raise ValueError("expected a number, or an empty cell where it is missing")
        value = float(value)
    if isinstance(value, bool | np.bool_):
        value = int(value)
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return MISSING
    if isinstance(value, int | np.integer):
        return _whole(int(value))
    if not isinstance(value, float | np.floating | Decimal) or not math.isfinite(value):
        raise ValueError("expected a finite number, or an empty cell where it is missing")
    return canonical_text(value)


def _text(value: str) -> str:
    value = value.strip()
    if not value.isascii():
        value = unicodedata.normalize("NFC", value.encode(errors="backslashreplace").decode())
    return value or MISSING


def _whole(value: int | str) -> str:
    try:
        return str(int(value))
    except ValueError:  # Python's own limit, for such texts take quadratic time
        raise ValueError("expected a whole number of at most 4,300 digits") from None


def _float(value: float | np.floating) -> str:
    if type(value) is not float:
        # NumPy prints the shortest text of each width: float32 0.1 is "0.1"
        value = float(str(value)) if isinstance(value, np.floating) else float(value)
    if math.isnan(value):
        return MISSING
    if value.is_integer() and abs(value) < _LARGEST_INTEGER:
        return str(int(value))
    return repr(value)


def _decimal(value: Decimal) -> str:
    if value.is_nan():
        return MISSING
    if not value.is_finite():
        return _float(float(value))
    return str(int(value)) if value == value.to_integral_value() else format(value.normalize(), "f")
