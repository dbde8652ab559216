"""A row as a sentence: the pieces "`{field name} is {value}.`", one space between them, in schema order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clickprompt.contracts import TableSchema

CLOSING = "."


def opening(schema: TableSchema, field: int) -> str:
    """What stands before a value of this field inside a sentence; from the second field on it begins with the space."""
    return f"{' ' if field else ''}{schema.names[field]} is "


def pieces_of(texts: Iterable[str], fields: Iterable[int], schema: TableSchema) -> list[str]:
    """The piece of each value as it stands in a sentence. Joined without anything between, a row's pieces are its
    sentence."""
    openings = [opening(schema, field) for field in range(len(schema.fields))]
    return [f"{openings[field]}{text}{CLOSING}" for text, field in zip(texts, fields, strict=True)]


def sentence_of(values: Sequence[str], schema: TableSchema) -> str:
    """The whole sentence of one row."""
    return "".join(pieces_of(values, range(len(schema.fields)), schema))
