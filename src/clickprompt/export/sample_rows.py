"""Rows put together from a vocabulary, to try an exported file with everything that rows may hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from clickprompt.contracts import Field
from clickprompt.table import Vocabulary

_ROWS = 4_000
_OF_EACH_KIND = 200
"""Values taken of a field: the most frequent, the rarest, and others at random; so many of each."""
_LONGEST_LIST = 12
_ODD: tuple[Any, ...] = (
    None,
    "",
    "   ",
    "unknown",
    "Unknown",
    "never seen in training",
    "\u3000\tÅse\u2003",
    "🎻",
    "ﬁ ﬂ İ ß",
    "日本語のテキスト",
    "a" * 3_000,
    "line\nbreak",
    "nul\x00inside",
    "half a pair \ud83d",
    "-1",
    "3.0",
)
_ODD_NUMBERS = (None, float("nan"), 0.0, -0.0, 1e300, -1e300, 5e-324, 0.1 + 0.2)


def sample_rows(vocabulary: Vocabulary, rows: int = _ROWS, seed: int = 0) -> dict[str, list[Any]]:
    """Columns of `rows` cells for every field that takes input: known values, frequent and rare, in random
    combinations, and among them values never seen, missing ones, odd texts, and numbers at the edges of buckets."""
    random = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {}
    for place, field in enumerate(vocabulary.schema.fields):
        if field.score_as is None:
            columns[field.name] = _column(vocabulary, place, field, rows, random)
    return columns


def _column(vocabulary: Vocabulary, place: int, field: Field, rows: int, random: np.random.Generator) -> list[Any]:
    if field.kind == "numeric":
        return _choose(_numbers(vocabulary.buckets[field.name].edges, random), _ODD_NUMBERS, rows, random)
    known = _hashed(random) if field.hash_rows is not None else _known(vocabulary, place, random)
    if field.kind != "list":
        padded = [f"  {text}\n" for text in known[:20]]
        return _choose([*known, *padded], _ODD, rows, random)
    odd = [text for text in _ODD if field.separator is None or field.separator not in (text or "")]
    lists = [_choose(known, odd, length, random) for length in random.integers(0, _longest(field) + 1, rows)]
    if field.separator is None:
        return [None if place % 97 == 0 else items for place, items in enumerate(lists)]
    return [field.separator.join(item or "" for item in items) for items in lists]


def _choose(usual: Sequence[Any], odd: Sequence[Any], count: int, random: np.random.Generator) -> list[Any]:
    """Every tenth at random is odd."""
    return [
        (odd if strange or not usual else usual)[int(place * len(odd if strange or not usual else usual))]
        for strange, place in zip(random.random(count) < 0.1, random.random(count), strict=True)
    ]


def _known(vocabulary: Vocabulary, place: int, random: np.random.Generator) -> list[str]:
    start, stop = map(int, vocabulary.statistics.offsets[place : place + 2])
    most = min(_OF_EACH_KIND, stop - start)
    chosen = {*range(start, start + most), *range(stop - most, stop)}
    if stop > start:
        chosen.update(random.integers(start, stop, _OF_EACH_KIND).tolist())
    return [vocabulary.texts[row].as_py() for row in sorted(chosen)]


def _hashed(random: np.random.Generator) -> list[str]:
    return [f"{unicodedata.normalize('NFC', 'né')} {number}" for number in random.integers(0, 1 << 40, _OF_EACH_KIND)]


def _numbers(edges: np.ndarray, random: np.random.Generator) -> list[float]:
    """The edges themselves, the numbers next to them, and some between."""
    some = edges if len(edges) else np.zeros(1)
    beside = [np.nextafter(some, np.inf), np.nextafter(some, -np.inf)]
    between = random.uniform(some.min() - 1, some.max() + 1, _OF_EACH_KIND)
    return np.concatenate([some, *beside, between, np.rint(between)]).tolist()


def _longest(field: Field) -> int:
    return _LONGEST_LIST if field.max_items is None else min(field.max_items + 3, 4 * _LONGEST_LIST)
