"""The words of large tables: titles whose adjectives carry appeal, names, publishers; a number spells a text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

_APPEALING = (
    *("brilliant", "gentle", "golden", "radiant", "charming", "graceful", "joyful", "luminous", "tender", "splendid"),
    *("delightful", "honest", "lovely", "wise", "brave", "merry", "serene", "dazzling", "cheerful", "hopeful", "warm"),
    *("elegant", "marvellous", "sincere"),
)
_REPELLING = (
    *("dreary", "broken", "stale", "tedious", "bitter", "clumsy", "rotten", "hollow", "gloomy", "petty", "shabby"),
    *("careless", "dismal", "vulgar", "feeble", "sour", "ghastly", "sloppy", "boring", "wretched", "tiresome", "ugly"),
    *("pointless", "mean"),
)
_NOUNS = (
    *("lamp", "kettle", "ladder", "violin", "blanket", "compass", "teapot", "mirror", "garden", "river", "harbour"),
    *("island", "winter", "summer", "letter", "orchard", "castle", "bridge", "forest", "window", "market", "cathedral"),
    *("engine", "clock", "painter", "sailor", "widow", "captain", "baker", "gardener", "stranger", "daughter", "king"),
    *("shadow", "promise", "secret", "voyage", "riddle", "feast", "storm", "silence", "ribbon", "candle", "cottage"),
    *("meadow", "valley", "desert", "ocean", "library", "theatre", "piano", "circus", "carpet", "basket", "pocket"),
    *("whale", "sparrow", "tiger", "fox", "raven", "horse", "beetle", "salmon", "spider", "lantern", "anchor", "arrow"),
    *("crown", "dagger", "feather", "hammer", "needle", "oracle", "pebble", "quarry", "saddle", "temple", "umbrella"),
    *("village", "wagon", "yard", "attic", "barrel", "cabin", "dungeon", "elm", "fiddle", "glacier", "hedge", "ivory"),
    *("jungle", "kingdom", "lagoon"),
)
_FIRST = (
    *("Ada", "Boris", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hugo", "Ingrid", "João", "Keiko", "Lars", "Mina"),
    *("Noor", "Olga", "Pedro", "Quinn", "Rosa", "Søren", "Tariq", "Uma", "Vera", "Wole", "Ximena", "Yusuf", "Zoë"),
)
_MIDDLE = tuple(f"{letter}." for letter in "ABCDEFGHIJKLMNOPRSTVW")
_STEMS = (
    *("Ander", "Berg", "Carl", "Dal", "Eriks", "Fran", "Gold", "Hart", "Iver", "Jans", "Kirk", "Lind", "Mor", "Nor"),
    *("Ols", "Pal", "Quist", "Rosen", "Sand", "Thor", "Ul", "Vester", "Wolf", "York", "Zimmer", "Ash", "Black", "Cole"),
    *("Dun", "East", "Fair", "Green", "Hill", "Ing", "Kings", "Lock", "Marsh", "North", "Oak", "Pem"),
)
_ENDINGS = (
    *("son", "mann", "ström", "berg", "ley", "ton", "ford", "well", "wood", "worth", "ham", "field", "gate", "stein"),
    *("dahl", "holm", "ner", "sen", "by", "croft", "dale", "house", "low", "more", "ridge", "shaw", "side", "stead"),
)
_HOUSES = ("Press", "Books", "House", "Verlag", "Éditions", "& Sons", "Classics", "University Press", "Publishing")
_TOWNS = ("", ", Boston", ", Delhi", ", Lagos", ", London", ", Madrid", ", Oslo", ", Paris", ", Praha", ", Tokyo")

_ADJECTIVES = _APPEALING + _REPELLING
_STEP = 2_654_435_761
"""A prime: numbers that follow one another spell texts that look unalike."""
_Parts = Sequence[Sequence[str]]
_TITLE: _Parts = (_ADJECTIVES, _NOUNS, _ADJECTIVES, _NOUNS)
_NAME: _Parts = (_FIRST, _MIDDLE, _STEMS, _ENDINGS)
_PUBLISHER: _Parts = (_STEMS, _ENDINGS, _HOUSES, _TOWNS)


def titles(numbers: np.ndarray) -> pl.Series:
    """Such as "The gentle lamp and the sour fox"; distinct for the first 19 million numbers."""
    one, thing, other, second = _words(numbers, _TITLE)
    return _joined("The {} {} and the {} {}", one, thing, other, second)


def title_appeal(numbers: np.ndarray) -> np.ndarray:
    """int8: 2, 0 or −2, a point for each adjective of the title that speaks for the book, one off for the others."""
    one, _, other, _ = _digits(numbers, _TITLE)
    half = len(_APPEALING)
    return (np.where(one < half, 1, -1) + np.where(other < half, 1, -1)).astype(np.int8)


def names(numbers: np.ndarray) -> pl.Series:
    """Such as "Chloé B. Lindholm"; distinct for the first 600 thousand numbers."""
    return _joined("{} {} {}{}", *_words(numbers, _NAME))


def publishers(numbers: np.ndarray) -> pl.Series:
    """Such as "Oakridge Press, Oslo"; distinct for the first 100 thousand numbers."""
    return _joined("{}{} {}{}", *_words(numbers, _PUBLISHER))


def _digits(numbers: np.ndarray, parts: _Parts) -> list[np.ndarray]:
    """One index into each part: the digits of number · step mod Π lengths."""
    texts = math.prod(map(len, parts))
    rest = (numbers.astype(np.int64) + 1) % texts * _STEP % texts
    digits = []
    for part in parts:
        rest, digit = np.divmod(rest, len(part))
        digits.append(digit)
    return digits


def _words(numbers: np.ndarray, parts: _Parts) -> list[pl.Series]:
    return [pl.Series(list(part))[digit] for part, digit in zip(parts, _digits(numbers, parts), strict=True)]


def _joined(form: str, *words: pl.Series) -> pl.Series:
    frame = pl.DataFrame({str(place): word for place, word in enumerate(words)})
    return frame.select(pl.format(form, *frame.columns)).to_series()
