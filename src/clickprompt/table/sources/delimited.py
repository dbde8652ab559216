"""A delimited text as one frame; see `delimited_pieces` for what is a fault in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.delimited_header import Layout
from clickprompt.table.sources.delimited_pieces import delimited_pieces

if TYPE_CHECKING:
    import polars as pl


def read_delimited(
    path: Path,
    name: str,
    *,
    separator: str,
    encoding: str = "utf-8",
    columns: tuple[str, ...] | None = None,
    quoted: bool = True,
    bad: BadRows | None = None,
) -> pl.DataFrame:
    """All pieces end to end; lines at fault are told to `bad`, whose `seen` stays as it is."""
    import polars as pl

    own = BadRows() if bad is None else BadRows(bad.policy, bad.max_share)
    pieces = delimited_pieces(InputFile(name, path), Layout(separator, encoding, quoted), own, columns=columns)
    frame = pl.concat([piece for piece, _ in pieces])
    if bad is not None:
        bad.rows += own.rows
    return frame
