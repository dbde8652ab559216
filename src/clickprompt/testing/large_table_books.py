"""The books and users of a large table: everything that follows from who they are."""

from __future__ import annotations

import numpy as np
import polars as pl

from clickprompt.testing.large_table_words import names, publishers, title_appeal, titles

GENRES = (
    *("fantasy", "mystery", "romance", "history", "poetry", "children", "comics", "young adult", "fiction"),
    "non-fiction",
)
_FORMATS = ("Paperback", "Hardcover", "Kindle Edition", "ebook", "Mass Market Paperback", "Audio CD", "Nook", "Unbound")
_FORMAT_SHARES = (0.4, 0.22, 0.16, 0.1, 0.07, 0.03, 0.01, 0.01)
_ELECTRONIC = (2, 3, 6)
_MEDIA = ("book", "periodical", "not a book")
_FIRST_YEAR, _LAST_YEAR = 2007, 2017
_BOOKS, _USERS = 0, 1
"""Streams of random numbers."""


class Books:
    """Books, numbered in the order in which they come.

    Works are three quarters of the books, authors 35 %, publishers 8 %; the first ones have the most books. Editions of
    a work share title, author, genre and quality. One author in twenty has another's name.
    """

    def __init__(self, count: int, seed: int) -> None:
        random = np.random.default_rng([seed, _BOOKS])
        works, authors, houses = max(1, count * 3 // 4), max(1, count * 35 // 100), max(1, count * 8 // 100)
        work = _each_once(random, count, works)
        author = _each_once(random, works, authors)[work]
        house = _each_once(random, count, houses)
        kind = random.choice(len(_FORMATS), count, p=_FORMAT_SHARES)
        self.genre = random.integers(0, len(GENRES), works)[work]
        """int64: place of the first genre in `GENRES`."""
        self.quality = random.standard_normal(works)[work]
        """Standard normal, a work's own; only ratings tell of it."""
        self.appeal = title_appeal(work)
        """int8: what the title's words say for the book, from −2 to 2."""
        rating = 3.8 + 0.15 * self.quality + 0.1 * self.appeal + random.normal(0, 0.15, count)
        reviews = np.exp(random.normal(3, 1.6, count)).astype(np.int64)
        pages = np.clip(random.normal(290, 120, count), 8, 1_500).astype(np.int64)
        came = _FIRST_YEAR + (np.arange(count) * (_LAST_YEAR - _FIRST_YEAR + 1)) // count
        columns = {
            "Book ID": _ids(random, count),
            "Book title": titles(work),
            "Book genres": _genres(random, self.genre).set(_missing(random, count, 0.04), None),
            "Average rating": np.round(np.clip(rating, 1, 5), 2),
            "Number of book reviews": reviews,
            "Author ID": _ids(random, authors)[author],
            "Author name": names(_namesakes(random, authors))[author],
            "Number of pages": pl.Series(pages).set(_missing(random, count, 0.25), None),
            "eBook flag": pl.Series(["false", "true"])[np.isin(kind, _ELECTRONIC).astype(np.int64)],
            "Format": pl.Series(_FORMATS)[kind].set(_missing(random, count, 0.15), None),
            "Publisher": publishers(house).set(_missing(random, count, 0.2), None),
            "Publication year": pl.Series(came - random.geometric(0.2, count) + 1).set(
                _missing(random, count, 0.22), None
            ),
            "Work ID": _ids(random, works)[work],
            "Media type": pl.Series(_MEDIA)[random.choice(3, count, p=(0.97, 0.02, 0.01))],
        }
        self.frame = pl.DataFrame(columns)
        """A row a book: 14 fields."""


class Users:
    """Users, numbered in the order in which they come."""

    def __init__(self, count: int, seed: int) -> None:
        random = np.random.default_rng([seed, _USERS])
        digits = random.bytes(16 * count).hex()
        joined = pl.Series([digits]).str.extract_all(".{32}").explode()
        self.names = joined.rename("User ID")
        """32 hexadecimal digits each."""
        self.taste = random.normal(0, 0.8, count)
        """What a user adds to every logit."""
        self.genre = random.integers(0, len(GENRES), count)
        """int64: place of the favourite in `GENRES`."""


def _each_once(random: np.random.Generator, count: int, owners: int) -> np.ndarray:
    """int64 (count,): an owner for each, every owner at least once, the first ones most often, owners in the order in
    which they come."""
    at_random = (owners * random.random(count) ** 2).astype(np.int64)
    due = np.arange(count) * owners // count
    first = np.diff(due, prepend=-1) > 0
    return np.where(first, due, np.minimum(at_random, due))


def _ids(random: np.random.Generator, count: int) -> np.ndarray:
    """int64 (count,): distinct numbers in no order."""
    numbers = np.cumsum(random.integers(1, 30, count))
    random.shuffle(numbers)
    return numbers


def _namesakes(random: np.random.Generator, authors: int) -> np.ndarray:
    """int64 (authors,): the author whose name each has."""
    own = np.arange(authors)
    return np.where(random.random(authors) < 0.05, own // 2, own)


def _missing(random: np.random.Generator, count: int, share: float) -> pl.Series:
    return pl.Series(random.random(count) < share)


def _genres(random: np.random.Generator, first: np.ndarray) -> pl.Series:
    """One to three genres, joined by a comma; `first` stands first."""
    step = random.integers(1, len(GENRES), (2, len(first)))
    second = (first + step[0]) % len(GENRES)
    third = (first + step[1]) % len(GENRES)
    held = random.choice([1, 2, 3], len(first), p=(0.3, 0.4, 0.3))
    held = np.where((held == 3) & (second == third), 2, held)
    names = pl.DataFrame({"one": pl.Series(GENRES)[first], "two": pl.Series(GENRES)[second]}).with_columns(
        three=pl.Series(GENRES)[third], held=held
    )
    joined = (
        pl.when(pl.col("held") == 1)
        .then("one")
        .when(pl.col("held") == 2)
        .then(pl.format("{}, {}", "one", "two"))
        .otherwise(pl.format("{}, {}, {}", "one", "two", "three"))
    )
    return names.select(joined.alias("genres")).to_series()
