"""GoodReads: the UCSD book graph (Wan & McAuley, RecSys'18), in the official gzipped JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from clickprompt.contracts import Field, Progress, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import Provenance, RawTable
from clickprompt.table.sources.base import PublishedCounts
from clickprompt.table.sources.goodreads_books import BETWEEN_GENRES, looked_up, read_books
from clickprompt.table.sources.goodreads_interactions import interactions
from clickprompt.table.sources.published_counts import GOODREADS
from clickprompt.table.sources.release import GzippedRelease

URL = "https://mcauleylab.ucsd.edu/public_datasets/gdrive/goodreads"
"""Where the authors' page, https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html, links to."""

Genre = Literal[
    "all",
    "children",
    "comics_graphic",
    "fantasy_paranormal",
    "history_biography",
    "mystery_thriller_crime",
    "poetry",
    "romance",
    "young_adult",
]

FIELDS = (
    Field(name="User ID", side="user"),
    Field(name="Book ID", side="item"),
    Field(name="Book title", kind="text", side="item"),
    Field(name="Book genres", side="item"),
    Field(name="Average rating", side="item"),
    Field(name="Number of book reviews", side="item"),
    Field(name="Author ID", side="item"),
    Field(name="Author name", side="item"),
    Field(name="Number of pages", side="item"),
    Field(name="eBook flag", side="item"),
    Field(name="Format", side="item"),
    Field(name="Publisher", side="item"),
    Field(name="Publication year", side="item"),
    Field(name="Work ID", side="item"),
    Field(name="Media type", side="item"),
)
"""The fields of the ClickPrompt paper, in its order; numbers are categories, for it counts their distinct values."""

TOTALS = ("Average rating", "Number of book reviews")
POSITIVE = 4
"""Ratings of at least this are clicks."""


class GoodReadsSource(GzippedRelease):
    """GoodReads: book ratings of 876,145 users' shelves, 2006 to 2017, whole or a genre; fetched when not at hand.

    A book that the books file lacks has unknown properties; of several lines of one book, author or work the first
    counts. Authors are the first that a book names. Empty texts are unknown. Nothing else is cleaned.
    """

    kind: Literal["goodreads"] = "goodreads"
    genre: Genre = "all"
    """Whose files: the whole graph (228,648,342 lines, 11 GB), for a genre alone has too few books for the papers' 4.6
    million features; or one of the eight genres with files of their own."""
    unrated: Literal["drop", "negative"] = "drop"
    """What becomes of rating 0, books that were shelved and never rated: dropped, or kept as no click."""
    book_genres: Literal["first", "all"] = "first"
    """Book genres is the genre that most readers shelved a book under, one value as in the papers, or the list of all,
    most readers first."""
    totals: Literal["keep", "drop"] = "keep"
    """Average rating and Number of book reviews are sums over the whole period, so they tell of validation and test
    rows: kept as in the papers, or dropped."""

    @property
    def schema_(self) -> TableSchema:
        """The fields; genres are a list where all are kept."""
        fields = [field for field in FIELDS if self.totals == "keep" or field.name not in TOTALS]
        if self.book_genres == "all":
            genres = Field(name="Book genres", kind="list", side="item", separator=BETWEEN_GENRES)
            fields = [genres if field.name == genres.name else field for field in fields]
        return TableSchema(fields=tuple(fields), group_field="User ID")

    @property
    def _cache_name(self) -> str:
        return f"goodreads-{self.genre.replace('_', '-')}"

    @property
    def _addresses(self) -> dict[str, str]:
        """Interactions, books, authors, works and genres: the address of each file by its name."""
        interactions, books, folder = "goodreads_interactions_dedup", "goodreads_books", URL
        if self.genre != "all":
            interactions, books = f"goodreads_interactions_{self.genre}", f"goodreads_books_{self.genre}"
            folder = f"{URL}/byGenre"
        shared = ("goodreads_book_authors", "goodreads_book_works", "goodreads_book_genres_initial")
        addresses = {f"{name}.json.gz": f"{folder}/{name}.json.gz" for name in (interactions, books)}
        return addresses | {f"{name}.json.gz": f"{URL}/{name}.json.gz" for name in shared}

    @property
    def _part(self) -> tuple[str, str]:
        return "genre", self.genre

    def _hint(self, folder: Path) -> str:
        has = [genre for genre in get_args(Genre)[1:] if any(folder.glob(f"goodreads_interactions_{genre}.json*"))]
        return f"; it has files of {', '.join(has)}: set data.source.genre" if has else ""

    def pieces(self, progress: Progress, bad: BadRows, types: dict[str, Any]) -> Iterator[RawTable]:
        """Interactions joined with their books, a row each."""
        rated, *about = self.inputs()
        books = read_books(about, all_genres=self.book_genres == "all", totals=self.totals == "keep")
        any_left = False
        for frame, numbers in interactions(rated, bad, unrated=self.unrated == "negative"):
            any_left = True
            yield RawTable(
                frame=looked_up(frame, books, "Book ID"),
                schema=self.schema_,
                provenance=Provenance((rated.name,), (frame.height,), numbers),
                label="rating",
                threshold=POSITIVE,
                timestamp="date_added",
            )
        if not any_left:
            raise ClickPromptError(f"{rated.name}: no rating is left")

    def published(self) -> PublishedCounts | None:
        """What the ClickPrompt paper printed, of one genre a book and with the totals."""
        return GOODREADS if self.totals == "keep" and self.book_genres == "first" else None
