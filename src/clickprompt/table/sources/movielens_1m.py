"""MovieLens-1M, in GroupLens' own layout: `::` between the cells, Latin-1."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from clickprompt.contracts import Progress
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile, RawTable
from clickprompt.table.sources.base import PublishedCounts
from clickprompt.table.sources.delimited import read_delimited
from clickprompt.table.sources.fetch import download, store, unpack
from clickprompt.table.sources.movielens import MovieLensSource, title_without_year
from clickprompt.table.sources.published_counts import MOVIELENS_1M

if TYPE_CHECKING:
    import polars as pl

URL = "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
SHA256 = "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20"
FILES = ("ratings.dat", "users.dat", "movies.dat")

AGES = {"1": "under 18", "18": "18-24", "25": "25-34", "35": "35-44", "45": "45-49", "50": "50-55", "56": "56+"}
"""What the codes of the release's README mean."""
OCCUPATIONS = dict(
    enumerate(
        (
            *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
            *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer"),
            *("programmer", "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer"),
            *("tradesman/craftsman", "unemployed", "writer"),
        )
    )
)
"""Likewise."""


class MovieLens1MSource(MovieLensSource):
    """MovieLens-1M: a million film ratings of 6,040 users, 2000 to 2003; from a folder, the cache or GroupLens."""

    layouts: ClassVar[tuple[tuple[str, ...], ...]] = (FILES,)
    cache_name: ClassVar[str] = "movielens-1m"

    kind: Literal["movielens-1m"] = "movielens-1m"
    neutral: Literal["drop", "negative"] = "drop"
    """What becomes of rating 3: dropped, or kept as no click."""

    def fetch(self, progress: Progress) -> None:
        """Fill the cache from GroupLens."""
        self.fetch_first(progress, (_from_grouplens,))

    def read(self, progress: Progress, bad: BadRows | None = None) -> RawTable:
        """Ages and occupations are written out, titles lose the year."""
        files = self.inputs()
        bad = bad or BadRows()
        ratings = _cells(files[0], ("User ID", "Movie ID", "rating", "timestamp"), bad)
        return self.table(ratings, *self.metadata(files), files, bad)

    def metadata(self, files: tuple[InputFile, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """`users.dat` and `movies.dat`."""
        import polars as pl

        users = _cells(files[1], ("User ID", "Gender", "Age", "Occupation", "Zipcode")).with_columns(
            pl.col("Age").replace(AGES),
            pl.col("Occupation").replace({str(code): name for code, name in OCCUPATIONS.items()}),
        )
        movies = _cells(files[2], ("Movie ID", "Movie title", "Movie genre"))
        return users, movies.with_columns(title_without_year("Movie title"), self.chosen_genres("Movie genre"))

    def published(self) -> PublishedCounts | None:
        """What the ClickPrompt paper printed, of rows without rating 3 and first genres."""
        return MOVIELENS_1M if self.neutral == "drop" and self.genres == "first" else None


def _cells(file: InputFile, columns: tuple[str, ...], bad: BadRows | None = None) -> pl.DataFrame:
    return read_delimited(
        file.path, file.name, separator="::", encoding="latin-1", columns=columns, quoted=False, bad=bad
    )


def _from_grouplens(progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "ml-1m.zip"
        download(URL, archive, SHA256, progress)
        store(MovieLens1MSource.cache_name, unpack(archive, {f"ml-1m/{name}": name for name in FILES}), URL)
