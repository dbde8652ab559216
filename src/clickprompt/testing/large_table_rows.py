"""Rows of a large table: each a pure function of its number, so that any shard can be written by itself."""

from __future__ import annotations

import numpy as np
import polars as pl

from clickprompt.testing.large_table_books import Books, Users

FIRST_SECOND, LAST_SECOND = 1_167_609_600, 1_509_494_400
"""The year 2007 to November 2017."""
SAME_SECOND, REPEATED = 16, 2_048
"""One row in so many has the second of the row before it, or is that row again."""
_NEWEST = 0.3
"""Share of the rows whose book is counted from the newest back."""
_USERS_A_BOOK = 0.45
_VALUES_A_BOOK = 3.71
"""Book, 0.75 works with a title each, 0.35 authors and nearly as many names, 0.08 publishers, 0.45 users."""
_USER, _BOOK, _FROM, _LIKED = range(4)
"""Streams of random numbers."""


class LargeTable:
    """A table of so many rows and about so many distinct values.

    Books and users come at equal distances over the rows, and each has the row at which it comes. In other rows, of D
    that have come, number k has a share in proportion to 1/(k + s) (s = 20 for books, max(20, D/100) for users); three
    books in ten are counted from the newest back, the others from the oldest.

    P(liked) = σ(0.9 + t + 0.7 · a + 0.6 · q + 0.8 · g − 0.6 · r/rows) in row r: the user's taste t ~ N(0, 0.8), the
    appeal a ∈ {−2, 0, 2} of the title's two adjectives, the work's quality q ~ N(0, 1), and g = 1 where the book's
    first genre is the user's favourite, else 0.
    """

    def __init__(self, rows: int, values: int, seed: int = 0) -> None:
        self.rows, self.seed = rows, seed
        books = min(rows, max(2, round(values / _VALUES_A_BOOK)))
        self.books = Books(books, seed)
        self.users = Users(max(2, round(_USERS_A_BOOK * books)), seed)

    def frame(self, numbers: np.ndarray) -> pl.DataFrame:
        """The rows of these numbers, int64 from 0, in that order: 15 fields, `time` in seconds, `liked`."""
        numbers = np.where(numbers % REPEATED == REPEATED - 1, numbers - 1, numbers)
        user, book = self._user(numbers), self._book(numbers)
        liked = self._uniforms(_LIKED, numbers) < 1 / (1 + np.exp(-self._logits(numbers, user, book)))
        second = numbers - (numbers % SAME_SECOND == 1)
        time = FIRST_SECOND + np.sqrt(second / self.rows) * (LAST_SECOND - FIRST_SECOND)
        last = [pl.Series("time", time.astype(np.int64)), pl.Series("liked", liked.astype(np.int8))]
        return pl.DataFrame([self.users.names[user], *self.books.frame[book].get_columns(), *last])

    def _logits(self, numbers: np.ndarray, user: np.ndarray, book: np.ndarray) -> np.ndarray:
        favourite = self.users.genre[user] == self.books.genre[book]
        words_and_work = 0.7 * self.books.appeal[book] + 0.6 * self.books.quality[book]
        return 0.9 + self.users.taste[user] + words_and_work + 0.8 * favourite - 0.6 * numbers / self.rows

    def _user(self, numbers: np.ndarray) -> np.ndarray:
        here, comes = self._come(numbers, len(self.users.names))
        drawn = _zipf(self._uniforms(_USER, numbers), here, np.maximum(20, here / 100))
        return np.where(comes, here - 1, drawn)

    def _book(self, numbers: np.ndarray) -> np.ndarray:
        here, comes = self._come(numbers, self.books.frame.height)
        drawn = _zipf(self._uniforms(_BOOK, numbers), here, np.full(len(numbers), 20.0))
        drawn = np.where(self._uniforms(_FROM, numbers) < _NEWEST, here - 1 - drawn, drawn)
        return np.where(comes, here - 1, drawn)

    def _come(self, numbers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """How many have come by each row, and whether the newest of them comes with it."""
        here = numbers * count // self.rows + 1
        return here, (numbers == 0) | ((numbers - 1) * count // self.rows + 1 < here)

    def _uniforms(self, stream: int, numbers: np.ndarray) -> np.ndarray:
        """float64 in [0, 1): SplitMix64 of the row's number, keyed by seed and stream."""
        key = np.random.SeedSequence([self.seed, stream]).generate_state(1, np.uint64)
        x = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + key
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def _zipf(uniforms: np.ndarray, count: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """int64: k of 0 … count − 1 with a share in proportion to log((k + 1 + s)/(k + s))."""
    drawn = shift * ((count + shift) / shift) ** uniforms - shift
    return np.minimum(drawn.astype(np.int64), count - 1)
