"""BookCrossing: Ziegler's BX-CSV-Dump (Ziegler et al., WWW'05), broken lines and all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clickprompt.contracts import Field, Progress, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile, Provenance, RawTable
from clickprompt.table.sources.base import InputsNotFound, PublishedCounts, SourceConfig
from clickprompt.table.sources.entities import without_entities
from clickprompt.table.sources.escaped import read_escaped
from clickprompt.table.sources.fetch import cached, download, store, unpack
from clickprompt.table.sources.json_pieces import PIECE_ROWS
from clickprompt.table.sources.published_counts import BOOKCROSSING
from clickprompt.table.sources.release import release_folder

if TYPE_CHECKING:
    import polars as pl

URL = "https://www2.informatik.uni-freiburg.de/~cziegler/BX/BX-CSV-Dump.zip"
"""The author's address; his page names it as http, from which nothing is fetched."""
CACHE_NAME = "bookcrossing"
LAYOUTS = (
    ("BX-Book-Ratings.csv", "BX-Books.csv", "BX-Users.csv"),
    ("Book-Ratings.csv", "Books.csv", "Users.csv"),
    ("Ratings.csv", "Books.csv", "Users.csv"),
)
"""Names of the ratings, books and users files; what is in them is the same."""

SCHEMA = TableSchema(
    fields=(
        Field(name="User ID", side="user"),
        Field(name="Location", side="user"),
        Field(name="Age", side="user"),
        Field(name="ISBN", side="item"),
        Field(name="Book title", kind="text", side="item"),
        Field(name="Author", side="item"),
        Field(name="Publication year", side="item"),
        Field(name="Publisher", side="item"),
    ),
    group_field="User ID",
)
"""The fields of the ClickPrompt paper, in its order."""

POSITIVE = 5
"""Ratings of at least this are clicks; 0 is a book that was read and not rated."""


class BookCrossingSource(SourceConfig):
    r"""BookCrossing: a million book ratings, 2004, without times; from a folder, the cache or the author's site.

    Ratings that no line of the books file belongs to are left out (ISBNs are compared as they stand), those without a
    line of the users file have unknown properties; of several lines of one book or user the first counts. Cells are
    read as they are meant: `\"` is a quote and HTML entities are what they stand for, which also puts the three books
    right whose author and year other readers shift (0789466953, 078946697X, 2070426769). Everything else is verbatim:
    ages such as 0 and 239, the year 0, letters that were lost long ago. NULL and empty texts are unknown.
    """

    kind: Literal["bookcrossing"] = "bookcrossing"
    path: Path | None = None
    """Folder with the three files of BX-CSV-Dump.zip; by default the cache, filled from the net when empty. Copies with
    commas between the cells lost lines and quotes when they were made, and are refused."""

    def inputs(self) -> tuple[InputFile, ...]:
        """Ratings, books, users."""
        folder = release_folder(self.path, CACHE_NAME, "bookcrossing", "bookcrossing")
        shown = folder if self.path is None else self.path
        for layout in LAYOUTS:
            if all((folder / name).is_file() for name in layout):
                return tuple(InputFile(str(shown / name), folder / name) for name in layout)
        raise InputsNotFound(f"{shown}: not bookcrossing; expected {', '.join(LAYOUTS[0])} in it")

    def fetch(self, progress: Progress) -> None:
        """Fill the cache from the author's site; his file has no published checksum but those of a zip archive."""
        if self.path is not None:
            self.inputs()
            return
        if cached(CACHE_NAME) is not None:
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder) / "BX-CSV-Dump.zip"
                download(URL, archive, None, progress)
                store(CACHE_NAME, unpack(archive, {name: name for name in LAYOUTS[0]}), URL)
        except ClickPromptError as error:
            by_hand = URL.replace("https:", "http:")
            raise ClickPromptError(
                f"bookcrossing: cannot be fetched; get {by_hand} by hand, unpack it and set data.source.path ({error})"
            ) from None

    def pieces(self, progress: Progress, bad: BadRows, types: dict[str, Any]) -> Iterator[RawTable]:
        """Ratings joined with their books and users, a row each."""
        import polars as pl

        rated, *about = self.inputs()
        ratings, numbers = read_escaped(rated, ("User-ID", "ISBN", "Book-Rating"), bad)
        books, users = _books(about[0], bad), _users(about[1], bad)
        ratings = ratings.rename({"User-ID": "User ID", "Book-Rating": "rating"})
        kept = ratings["ISBN"].is_in(books["ISBN"].implode())
        ratings, numbers = ratings.filter(kept), numbers[kept.to_numpy()]
        if ratings.is_empty():
            raise ClickPromptError(f"{rated.name}: no rating is left, for none is of a book of {about[0].name}")
        for start in range(0, ratings.height, PIECE_ROWS):
            piece = (
                ratings[start : start + PIECE_ROWS]
                .join(users, on="User ID", how="left", maintain_order="left")
                .join(books, on="ISBN", how="left", maintain_order="left")
                .select(pl.col(SCHEMA.names), pl.col("rating"))
            )
            where = Provenance((rated.name,), (piece.height,), numbers[start : start + PIECE_ROWS])
            yield RawTable(frame=piece, schema=SCHEMA, provenance=where, label="rating", threshold=POSITIVE)

    def published(self) -> PublishedCounts | None:
        """What the ClickPrompt paper printed."""
        return BOOKCROSSING


def _books(file: InputFile, bad: BadRows) -> pl.DataFrame:
    pictures = ("Image-URL-S", "Image-URL-M", "Image-URL-L")
    names = ("ISBN", "Book-Title", "Book-Author", "Year-Of-Publication", "Publisher")
    books = read_escaped(file, (*names, *pictures), bad)[0].drop(pictures).unique("ISBN", keep="first")
    books.columns = ["ISBN", "Book title", "Author", "Publication year", "Publisher"]
    return books.with_columns(without_entities(books[name]) for name in ("Book title", "Author", "Publisher"))


def _users(file: InputFile, bad: BadRows) -> pl.DataFrame:
    users = read_escaped(file, ("User-ID", "Location", "Age"), bad)[0].unique("User-ID", keep="first")
    users.columns = ["User ID", "Location", "Age"]
    return users.with_columns(without_entities(users["Location"]))
