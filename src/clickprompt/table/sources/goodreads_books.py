"""What GoodReads' four files of metadata say of each book, as one frame to join interactions with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.json_pieces import json_pieces

if TYPE_CHECKING:
    import polars as pl

GENRES = (
    *("children", "comics, graphic", "fantasy, paranormal", "fiction", "history, historical fiction, biography"),
    *("mystery, thriller, crime", "non-fiction", "poetry", "romance", "young-adult"),
)
"""All that `goodreads_book_genres_initial.json.gz` counts, found by keywords in readers' shelves."""

BETWEEN_GENRES = "|"

COLUMNS = {
    "book_id": "Book ID",
    "title": "Book title",
    "average_rating": "Average rating",
    "text_reviews_count": "Number of book reviews",
    "num_pages": "Number of pages",
    "is_ebook": "eBook flag",
    "format": "Format",
    "publisher": "Publisher",
    "publication_year": "Publication year",
    "work_id": "Work ID",
}
"""Keys of the books file, all of them texts, and the fields they are."""


def read_books(files: Sequence[InputFile], *, all_genres: bool, totals: bool) -> pl.DataFrame:
    """A row for each book, by `Book ID`, from files of books, authors, works and genres; texts all of it.

    `all_genres`: genres of a book with `BETWEEN_GENRES` between them, else the one most readers shelved it under.
    `totals`: with average rating and number of reviews. Raises ClickPromptError for a line that is not as expected.
    """
    import polars as pl

    books, authors, works, genres = files
    of_book = _whole(genres, {"book_id": pl.String, "genres": pl.Struct(dict.fromkeys(GENRES, pl.Int64))}, all_genres)
    names = _whole(authors, {"author_id": pl.String, "name": pl.String})
    media = _whole(works, {"work_id": pl.String, "media_type": pl.String})
    types: dict[str, Any] = dict.fromkeys(COLUMNS, pl.String)
    types["authors"] = pl.List(pl.Struct({"author_id": pl.String}))
    left_out = () if totals else ("average_rating", "text_reviews_count")
    pieces = []
    for piece, _ in json_pieces(books, {key: kind for key, kind in types.items() if key not in left_out}, BadRows()):
        author = pl.col("authors").list.first().struct.field("author_id")
        piece = piece.with_columns(author.alias("author_id")).drop("authors")
        for table, key in ((of_book, "book_id"), (names, "author_id"), (media, "work_id")):
            piece = looked_up(piece, table, key)
        more = {"author_id": "Author ID", "name": "Author name", "media_type": "Media type"}
        pieces.append(piece.rename(COLUMNS | more, strict=False))
    return pl.concat(pieces, rechunk=False).unique("Book ID", keep="first", maintain_order=True)


def looked_up(rows: pl.DataFrame, table: pl.DataFrame, key: str) -> pl.DataFrame:
    """Rows with the columns of a table of one line a `key`, missing where it has none.

    A join makes a hash of its right side each time: here of the lines alone that are asked for.
    """
    import polars as pl

    held = table.filter(pl.col(key).is_in(rows[key].unique().implode()))
    return rows.join(held, on=key, how="left", maintain_order="left")


def _whole(file: InputFile, types: Mapping[str, Any], all_genres: bool | None = None) -> pl.DataFrame:
    """A file as one frame, of several lines with one id the first."""
    import polars as pl

    frames = (frame for frame, _ in json_pieces(file, types, BadRows()))
    if all_genres is not None:
        frames = (_genres(frame, all_genres) for frame in frames)
    return pl.concat(frames, rechunk=False).unique(next(iter(types)), keep="first", maintain_order=True)


def _genres(frame: pl.DataFrame, every: bool) -> pl.DataFrame:
    """`{"fiction": 3, "poetry": 7}` → `poetry|fiction`, or `poetry`; of equal counts the first by name."""
    import polars as pl

    genre = pl.col("variable")
    chosen = genre.str.join(BETWEEN_GENRES) if every else genre.first()
    return (
        frame.unique("book_id", keep="first", maintain_order=True)
        .unnest("genres")
        .unpivot(index="book_id")
        .filter(pl.col("value") > 0)
        .sort("value", "variable", descending=[True, False])
        .group_by("book_id", maintain_order=True)
        .agg(chosen.alias("Book genres"))
    )
