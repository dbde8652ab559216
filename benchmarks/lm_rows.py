"""Rows in the shape of MovieLens-1M, drawn at random, in a folder that reads as the release does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

USERS, MOVIES = 6_040, 3_883
_AGES = (1, 18, 25, 35, 45, 50, 56)
_OCCUPATIONS = 21
_GENRES = ("Action", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Film-Noir", "Horror", "Sci-Fi", "War")
_WORDS = (
    *("the", "of", "and", "a", "in", "night", "day", "man", "woman", "house", "river", "king", "last", "first", "love"),
    *("dead", "dark", "city", "winter", "summer", "blood", "story", "dream", "island", "garden", "machine", "promise"),
    *("lantern", "shadow", "mirror", "cowboy", "detective", "revenge", "Casablanca", "Frankenstein", "Godzilla", "II"),
)
"""Titles made of them have about as many word pieces as the release's: 4.3 on average."""


def write_rows(folder: Path, ratings: int) -> Path:
    """Write `ratings.dat`, `users.dat` and `movies.dat`, and return the folder.

    Sentences get 42 to about 65 tokens, 49 on average; half-MovieLens-1M's have 42 to 73, 49 on average. Films are met
    in proportion to 1/(rank + 20), users in proportion to a draw from an exponential distribution.
    """
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    numbers = zip(
        random.choice(["F", "M"], USERS, p=[0.28, 0.72]),
        random.choice(_AGES, USERS),
        random.integers(0, _OCCUPATIONS, USERS),
        random.integers(1_000, 99_999, USERS),
        strict=True,
    )
    users = [f"{n + 1}::{sex}::{age}::{job}::{place:05}" for n, (sex, age, job, place) in enumerate(numbers)]
    movies = [f"{n + 1}::{_title(random)} ({year})::{'|'.join(random.choice(_GENRES, 2, replace=False))}"
              for n, year in enumerate(random.integers(1930, 2001, MOVIES))]  # fmt: skip
    often = 1 / (np.arange(MOVIES) + 20)
    active = random.exponential(size=USERS)
    columns = (
        random.choice(USERS, ratings, p=active / active.sum()) + 1,
        random.choice(MOVIES, ratings, p=often / often.sum()) + 1,
        random.choice([1, 2, 3, 4, 5], ratings, p=[0.06, 0.1, 0.26, 0.35, 0.23]),
        978_000_000 + np.arange(ratings),
    )
    lines = ["::".join(map(str, row)) for row in zip(*(column.tolist() for column in columns), strict=True)]
    for name, text in (("ratings", lines), ("users", users), ("movies", movies)):
        (folder / f"{name}.dat").write_text("\n".join(text) + "\n", encoding="latin-1")
    return folder


def _title(random: np.random.Generator) -> str:
    words = random.choice(_WORDS, min(1 + random.negative_binomial(2, 0.385), 20))
    return " ".join(word if word[0].isupper() else word.capitalize() for word in words)
