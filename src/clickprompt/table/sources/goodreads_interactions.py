"""GoodReads' interactions, a line for each book on a user's shelf, as pieces of rated rows with a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.json_pieces import json_pieces

if TYPE_CHECKING:
    import polars as pl

TIME = "%a %b %d %H:%M:%S %z %Y"
"""`Tue Nov 17 11:37:35 -0800 2015`"""


def interactions(file: InputFile, bad: BadRows, *, unrated: bool) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    """Pieces with User ID, Book ID, review_id, rating and date_added (UTC), and each row's number in the file, from 1.

    `unrated`: rating 0 stays, else it is dropped. `review_id` tells two lines of one user and book apart.
    Raises ClickPromptError for a row without user or book, a rating that is none of 0 to 5, a date that is none;
    `bad` may have such rows left out.
    """
    import polars as pl

    names = {"user_id": "User ID", "book_id": "Book ID"}
    types = {"user_id": pl.String, "book_id": pl.String, "review_id": pl.String, "rating": pl.Int64}
    for read, numbers in json_pieces(file, {**types, "date_added": pl.String}, bad):
        time = pl.col("date_added").str.to_datetime(TIME, strict=False, time_unit="us").dt.replace_time_zone(None)
        frame = read.rename(names).with_columns(time.alias("time"))
        checks = {
            "User ID": (pl.col("User ID").is_null(), "every row needs a user_id"),
            "Book ID": (pl.col("Book ID").is_null(), "every row needs a book_id"),
            "rating": (~pl.col("rating").is_between(0, 5).fill_null(value=False), "expected 0 to 5"),
            "date_added": (pl.col("time").is_null(), "expected a time such as Tue Nov 17 11:37:35 -0800 2015"),
        }
        for column, (wrong, reason) in checks.items():
            faulty = frame.select(wrong).to_series()
            if faulty.any():
                _refuse(frame.filter(faulty)[column], file, numbers[faulty.to_numpy()], reason, bad)
                frame, numbers = frame.filter(~faulty), numbers[~faulty.to_numpy()]
        frame = frame.with_columns(pl.col("time").alias("date_added")).drop("time")
        if not unrated:
            rated = frame["rating"] > 0
            frame, numbers = frame.filter(rated), numbers[rated.to_numpy()]
        if frame.height:
            yield frame, numbers


def _refuse(values: pl.Series, file: InputFile, numbers: np.ndarray, reason: str, bad: BadRows) -> None:
    """Raise ClickPromptError for the first, or leave all to `bad`."""
    for value, number in zip(values, numbers.tolist(), strict=True):
        shown = "missing" if value is None else f'"{value}"'
        row = BadRow(file.name, number, None, values.name, f"{values.name} is {shown}; {reason}", str(value))
        if not bad.skips:
            raise ClickPromptError(str(row))
        bad.rows.append(row)
