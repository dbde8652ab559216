"""The types of the keys of JSON lines, learnt block by block as polars learns them from a whole file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clickprompt.table.sources.usable_lines import fit

if TYPE_CHECKING:
    import polars as pl

_LONG = 10**25
"""A number that fits no 64 bits."""


class Misfit(ValueError):
    """Values of two types that cannot stand in one column."""


def merged(known: Mapping[str, pl.DataType], more: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """The types that hold what both hold, by key, sorted. Raises Misfit."""
    types = dict(known)
    for name, kind in more.items():
        types[name] = _both(types[name], kind) if name in types and types[name] != kind else kind
    return dict(sorted(types.items()))


@lru_cache(maxsize=10_000)
def _both(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """What polars makes of a key that holds `one` in a line and `other` in the next."""
    import polars as pl

    if not _alike(one, other):
        raise Misfit
    lines = "".join(json.dumps({"": _sample(kind)}) + "\n" for kind in (one, other))
    try:
        return pl.read_ndjson(lines.encode(), infer_schema_length=None).schema[""]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise Misfit from None


def _alike(one: Any, other: Any) -> bool:
    import polars as pl

    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return _alike(one.inner, other.inner)
    return pl.Null in (one, other) or fit(kind_of_type(one), kind_of_type(other))


def kind_of_type(kind: Any) -> str:
    """A type in words, as `usable_lines.kind_of` says of a value."""
    import polars as pl

    if isinstance(kind, pl.List):
        return "a list"
    if isinstance(kind, pl.Struct):
        return "an object"
    return {pl.String: "a text", pl.Boolean: "a truth value", pl.Null: "null"}.get(type(kind), "a number")


def type_of_kinds(usual: Mapping[str, str], name: str) -> pl.DataType:
    """The narrowest type of a key whose values, and items, mostly are of these kinds."""
    import polars as pl

    kinds: dict[str, pl.DataType] = {
        "a text": pl.String(),
        "a number": pl.Int64(),
        "a truth value": pl.Boolean(),
        "an object": pl.Struct([]),
        "a list": pl.List(pl.Null),
    }
    if usual.get(name) == "a list":
        return pl.List(kinds.get(usual.get(f"an item of {name}", ""), pl.Null()))
    return kinds.get(usual.get(name, ""), pl.Null())


def _sample(kind: Any) -> Any:
    import polars as pl

    if isinstance(kind, pl.List):
        return [_sample(kind.inner)] if kind.inner != pl.Null else []
    if isinstance(kind, pl.Struct):
        return {field.name: _sample(field.dtype) for field in kind.fields}
    samples = {pl.String: "a", pl.Boolean: True, pl.Null: None, pl.Int64: 1, pl.Int128: _LONG, pl.Float64: 0.5}
    return samples[type(kind)]
