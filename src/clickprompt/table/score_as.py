"""Fields that scoring fixes: the text of the fixed value, and the value index that stands for it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table.canonical import canonical_number, canonical_text
from clickprompt.table.factors import Factors
from clickprompt.table.values import Values

_SEARCHED = 10_000
"""Texts among which near ones are looked for, the most frequent."""
_TOO_RARE = "too rare in training rows for an embedding of its own"


def score_text(field: Field) -> str:
    """The canonical text of a field's `score_as`, which must be set."""
    assert field.score_as is not None
    return canonical_number(field.score_as) if field.kind == "numeric" else canonical_text(field.score_as)


def with_score_texts(schema: TableSchema, factors: Sequence[Factors]) -> list[Factors]:
    """The same factors, with the text of each `score_as` among the distinct ones, so that it is numbered with them."""
    return [
        factor
        if field.score_as is None or score_text(field) in factor.texts
        else replace(factor, texts=[*factor.texts, score_text(field)])
        for field, factor in zip(schema.fields, factors, strict=True)
    ]


def score_values(schema: TableSchema, factors: Sequence[Factors], values: Values) -> dict[str, int]:
    """The value index of each field's `score_as`, by field; the factors are those of `with_score_texts`.

    Raises ClickPromptError, with the nearest values, where training rows do not hold the value, or would leave
    its embedding as it was drawn.
    """
    found = {}
    for place, (field, factor) in enumerate(zip(schema.fields, factors, strict=True)):
        if field.score_as is None:
            continue
        index = int(values.value_of_code[place][factor.texts.index(score_text(field))])
        row, owned = int(values.embedding_rows[index]), int(values.offsets[-1])
        held = field.kind == "numeric" or values.train_counts[index] > 0
        if row >= owned or not values.train_counts[row] or not held:
            near = ", ".join(map(repr, _nearest(score_text(field), _trained_texts(place, field, values))))
            advice = f"choose a value that they hold, such as {near}" if near else "so is every other; lower min_count"
            reason = "which no training row holds" if field.hash_rows is not None else _TOO_RARE
            raise ClickPromptError(f"field {field.name!r}: score_as is {field.score_as!r}, {reason}; {advice}")
        found[field.name] = index
    return found


def _trained_texts(place: int, field: Field, values: Values) -> list[str]:
    """Texts that training rows hold and that have an embedding, the most frequent."""
    owned = int(values.offsets[-1])
    indices = np.flatnonzero((values.fields == place) & (values.train_counts > 0) & (values.embedding_rows < owned))
    indices = indices[(indices >= owned) == field.borrows]
    order = np.argsort(-values.train_counts[indices], kind="stable")[:_SEARCHED]
    return [values.texts[index] for index in indices[order]]


def _nearest(text: str, known: list[str], most: int = 3) -> list[str]:
    """By number where it is one and any of them is, else by letters, else the most frequent."""
    numbers = {other: number for other in known if (number := _number(other)) is not None}
    wanted = _number(text)
    if wanted is not None and numbers:
        return sorted(numbers, key=lambda other: abs(numbers[other] - wanted))[:most]
    return difflib.get_close_matches(text, known, n=most) or known[:most]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
