"""What the MovieLens releases share: eight fields, ratings joined with users and movies, ratings made labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from clickprompt.contracts import Field, Progress, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.raw import InputFile, Provenance, RawTable
from clickprompt.table.sources.base import InputsNotFound, SourceConfig
from clickprompt.table.sources.fetch import cached
from clickprompt.table.sources.release import release_folder

if TYPE_CHECKING:
    import polars as pl

SCHEMA = TableSchema(
    fields=(
        Field(name="User ID", side="user"),
        Field(name="Gender", side="user"),
        Field(name="Age", side="user"),
        Field(name="Occupation", side="user"),
        Field(name="Zipcode", side="user"),
        Field(name="Movie ID", side="item"),
        Field(name="Movie title", kind="text", side="item"),
        Field(name="Movie genre", side="item"),
    ),
    group_field="User ID",
)
"""The fields of the ClickPrompt paper, in its order."""

BETWEEN_GENRES = "|"

POSITIVE = 4
"""Ratings of at least this are clicks."""
NEUTRAL = 3
"""The rating that is neither liked nor disliked."""


class MovieLensSource(SourceConfig):
    """A MovieLens release in its own folder."""

    layouts: ClassVar[tuple[tuple[str, ...], ...]]
    """Names of the ratings, users and movies files, for each layout that is known."""
    cache_name: ClassVar[str]

    path: Path | None = None
    """Folder with the release; by default the cache, filled from the net when empty."""
    neutral: Literal["drop", "negative"]
    """What becomes of rating 3: dropped, or kept as no click."""
    genres: Literal["first", "all"] = "first"
    """Movie genre is the first of a film's genres, as in the papers, or the list of them all."""

    @property
    def schema_(self) -> TableSchema:
        """The fields; the genre is a list where all are kept."""
        if self.genres == "first":
            return SCHEMA
        genre = Field(name="Movie genre", kind="list", side="item", separator=BETWEEN_GENRES)
        return SCHEMA.model_copy(update={"fields": (*SCHEMA.fields[:-1], genre)})

    def chosen_genres(self, column: str) -> pl.Expr:
        """Genres with `BETWEEN_GENRES` between them → those that are kept."""
        import polars as pl

        genres = pl.col(column)
        return genres.str.split(BETWEEN_GENRES).list.first() if self.genres == "first" else genres

    def inputs(self) -> tuple[InputFile, ...]:
        """Ratings, users and movies."""
        folder = release_folder(self.path, self.cache_name, self.kind_name, self.kind_name)
        for layout in self.layouts:
            if all((folder / name).is_file() for name in layout):
                shown = folder if self.path is None else self.path
                return tuple(InputFile(str(shown / name), folder / name) for name in layout)
        known = " or ".join(", ".join(layout) for layout in self.layouts)
        raise InputsNotFound(f"{self.path or folder}: not {self.kind_name}; expected {known} in it")

    @property
    def kind_name(self) -> str:
        """The release, as `kind` in a recipe names it."""
        return str(type(self).model_fields["kind"].default)

    @abstractmethod
    def metadata(self, files: tuple[InputFile, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """All users and all movies of the release, cleaned as rows are."""

    def catalogue(self) -> Mapping[str, Sequence[Any]]:
        """Every user's and every movie's values, rated or not."""
        tables = self.metadata(self.inputs())
        return {name: table[name].to_list() for table in tables for name in table.columns}

    def table(
        self,
        ratings: pl.DataFrame,
        users: pl.DataFrame,
        movies: pl.DataFrame,
        files: tuple[InputFile, ...],
        bad: BadRows,
        first_line: int = 1,
    ) -> RawTable:
        """Join ratings (user, movie, rating, timestamp; texts) with users and movies, one row a rating, and label them.

        Raises ClickPromptError for a user or movie listed twice or not at all, a rating that is none of 1 to 5,
        a timestamp that is no number; `bad` may have such ratings left out. `first_line` is that of the first rating.
        """
        import polars as pl

        names = [file.name for file in files]
        bad.seen = ratings.height + len(bad.rows)
        bad.check()
        numbers = bad.numbers(names[0], ratings.height)
        for key, table, name in (("User ID", users, names[1]), ("Movie ID", movies, names[2])):
            twice = table[key].is_duplicated()
            rows = np.arange(1, table.height + 1)
            _refuse_rows(twice, table[key], name, rows, first_line, f"expected one line for each {key}", BadRows())
        checks = {
            "rating": (lambda of: ~of.is_in(list("12345")), "expected 1 to 5"),
            "timestamp": (lambda of: of.cast(pl.Int64, strict=False).is_null(), "expected seconds since 1970"),
            "User ID": (lambda of: ~of.is_in(users["User ID"].implode()), f"expected one that {names[1]} lists"),
            "Movie ID": (lambda of: ~of.is_in(movies["Movie ID"].implode()), f"expected one that {names[2]} lists"),
        }
        for column, (is_bad, reason) in checks.items():
            wrong = is_bad(ratings[column])
            if wrong.any():
                _refuse_rows(wrong, ratings[column], names[0], numbers, first_line, reason, bad)
                ratings, numbers = ratings.filter(~wrong), numbers[~wrong.to_numpy()]
        joined = (
            ratings.with_columns(pl.col("rating", "timestamp").cast(pl.Int64))
            .join(users, on="User ID", how="left", maintain_order="left")
            .join(movies, on="Movie ID", how="left", maintain_order="left")
        )
        if self.neutral == "drop":
            rated = joined["rating"] != NEUTRAL
            joined, numbers = joined.filter(rated), numbers[rated.to_numpy()]
        if not joined.height:
            raise ClickPromptError(f"{names[0]}: no rating is left")
        return RawTable(
            frame=joined,
            schema=self.schema_,
            provenance=Provenance((names[0],), (joined.height,), numbers),
            label="rating",
            threshold=POSITIVE,
            timestamp="timestamp",
        )

    def fetch_first(self, progress: Progress, ways: tuple[Callable[[Progress], object], ...]) -> None:
        """Try each way to fill the cache; raise ClickPromptError with all reasons when none works."""
        if self.path is not None:
            self.inputs()
            return
        if cached(self.cache_name) is not None:
            return
        reasons = []
        for way in ways:
            try:
                way(progress)
                return
            except ClickPromptError as error:
                progress.say(str(error))
                reasons.append(str(error))
        raise ClickPromptError(
            f"{self.kind_name}: cannot be fetched; get it by hand and set data.source.path ({'; '.join(reasons)})"
        )


def title_without_year(column: str) -> pl.Expr:
    """`Toy Story (1995)` → `Toy Story`; a mark such as (V), for video, goes with the year."""
    import polars as pl

    return pl.col(column).str.replace(r"\s*\(\d{4}\)\s*(\([A-Z]+\))?\s*$", "").str.strip_chars()


def _refuse_rows(
    wrong: pl.Series, values: pl.Series, name: str, numbers: np.ndarray, first_line: int, reason: str, bad: BadRows
) -> None:
    """Raise ClickPromptError for the first row that is `wrong`, or leave all such rows to `bad`."""
    shown = values.name if values.name[0].isupper() else f"the {values.name}"
    found = [
        BadRow(name, number, number + first_line - 1, values.name, f'{shown} is "{value}"; {reason}', str(value))
        for number, value in zip(numbers[wrong.to_numpy()].tolist(), values.filter(wrong), strict=True)
    ]
    if found and not bad.skips:
        raise ClickPromptError(str(found[0]))
    bad.add(found)
