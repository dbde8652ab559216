"""Tensors of the Open Inference Protocol, as JSON writes them, to columns of fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NotRequired

from pydantic import ConfigDict, NonNegativeInt, with_config
from typing_extensions import TypedDict

from clickprompt.contracts import Field
from clickprompt.serving.input_fields import InputFields
from clickprompt.settings import ClickPromptError, did_you_mean

STRICT = ConfigDict(extra="forbid", strict=True)
_NOTHING = type(None)
_INTEGERS = {f"{kind}{bits}": (kind, bits) for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)}
_FLOATS = ("FP16", "FP32", "FP64")
_KINDS: dict[str, frozenset[type]] = {
    "BYTES": frozenset({str, _NOTHING}),
    "BOOL": frozenset({bool, _NOTHING}),
    **dict.fromkeys(_INTEGERS, frozenset({int, _NOTHING})),
    **dict.fromkeys(_FLOATS, frozenset({int, float, _NOTHING})),
}
"""JSON's kinds of values by datatype; null stands for a missing value."""


@with_config(STRICT)
class Tensor(TypedDict):
    """Values of one field. `data` is flat, or nested as `shape` says."""

    name: str
    shape: list[NonNegativeInt]
    datatype: str
    data: list[Any]
    parameters: NotRequired[dict[str, Any]]


def preferred(field: Field) -> tuple[str, list[int]]:
    """Datatype and shape that metadata names for a field."""
    if field.kind == "numeric":
        return "FP64", [-1]
    return "BYTES", [-1, -1] if field.kind == "list" and field.separator is None else [-1]


def columns_of(
    tensors: list[Tensor], known: InputFields, check_rows: Callable[[int], None]
) -> tuple[dict[str, list[Any]], int]:
    """Values by field, and how many rows there are; `check_rows` may refuse them before they are laid out.

    Raises ClickPromptError that names the tensor and what is wrong with it.
    """
    if not tensors:
        raise ClickPromptError("inputs: there is none; send at least one field")
    rows: int | None = None
    columns: dict[str, list[Any]] = {}
    for place, tensor in enumerate(tensors):
        name, shape = tensor["name"], tensor["shape"]
        known.check([name], f"inputs.{place}.name")
        where = f"inputs.{place} ({name})"
        if name in columns:
            raise ClickPromptError(f"{where}: given twice")
        if len(shape) not in (1, 2):
            raise ClickPromptError(f"{where}: shape is {shape}; expected [rows] or [rows, values]")
        if rows is None:
            rows = shape[0]
            check_rows(rows)
        if shape[0] != rows:
            raise ClickPromptError(f"{where}: shape is {shape}, of {shape[0]:,} rows; other inputs have {rows:,}")
        columns[name] = _column(tensor, known.fields[name], where)
    return columns, rows or 0


def _column(tensor: Tensor, field: Field, where: str) -> list[Any]:
    shape, is_list = tensor["shape"], field.kind == "list"
    if len(shape) == 2 and shape[1] != 1 and not is_list:
        raise ClickPromptError(f"{where}: shape is {shape}; expected [{shape[0]}] or [{shape[0]}, 1]")
    flat = _flat(tensor, where)
    _check_values(flat, tensor["datatype"], field, where)
    if len(shape) == 1 or not is_list or (shape[1] == 1 and field.separator is not None):
        return flat
    width = shape[1]
    return [flat[row * width : (row + 1) * width] for row in range(shape[0])]


def _flat(tensor: Tensor, where: str) -> list[Any]:
    """All values in a row, after a check of their number against the shape."""
    shape, data = tensor["shape"], tensor["data"]
    if data and type(data[0]) is list:
        if len(shape) != 2 or len(data) != shape[0]:
            raise ClickPromptError(f"{where}: data is {len(data):,} lists, shape is {shape}")
        for row, values in enumerate(data):
            if type(values) is not list or len(values) != shape[1]:
                raise ClickPromptError(f"{where}: row {row} of data is not a list of {shape[1]:,}, shape is {shape}")
        return [value for values in data for value in values]
    size = shape[0] * (shape[1] if len(shape) == 2 else 1)
    if len(data) != size:
        raise ClickPromptError(f"{where}: data has {len(data):,} values, shape is {shape}")
    return data


def _check_values(values: list[Any], datatype: str, field: Field, where: str) -> None:
    kinds = _KINDS.get(datatype)
    if kinds is None:
        raise ClickPromptError(f"{where}: datatype is unknown{did_you_mean(datatype, _KINDS)}")
    if field.kind == "numeric" and datatype == "BOOL":
        raise ClickPromptError(f"{where}: datatype is BOOL; expected FP64, another number, or BYTES of digits")
    if not kinds.issuperset(map(type, values)):
        place = next(place for place, value in enumerate(values) if type(value) not in kinds)
        raise ClickPromptError(f"{where}: value {place} is {_shown(values[place])}, which is not {datatype}")
    if datatype in _INTEGERS:
        kind, bits = _INTEGERS[datatype]
        low, high = (0, 2**bits) if kind == "UINT" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        for place, value in enumerate(values):
            if value is not None and not low <= value < high:
                raise ClickPromptError(f"{where}: value {place} is {_shown(value)}, beyond {datatype}")


def _shown(value: Any) -> str:
    """Enough of a value to find it."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}…"
