"""Pieces of a table end to end, for those who want it whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from clickprompt.contracts import SPLITS, SplitName
from clickprompt.table.raw import Provenance, RawTable, ranges_of


def joined(pieces: Sequence[RawTable]) -> RawTable:
    """One table of all pieces, one at least, each of them with its rows' numbers in their file."""
    import polars as pl

    froms = [piece.provenance for piece in pieces]
    provenance = Provenance(
        tuple(name for one in froms for name in one.files),
        tuple(rows for one in froms for rows in one.rows),
        np.concatenate([one.numbers for one in froms if one.numbers is not None]),
    )
    frame = pl.concat([piece.frame for piece in pieces])
    return replace(pieces[0], frame=frame, provenance=provenance, given=_given(pieces))


def _given(pieces: Sequence[RawTable]) -> Mapping[SplitName, range] | None:
    if pieces[0].given is None:
        return None
    return ranges_of({split: sum(len((piece.given or {}).get(split, ())) for piece in pieces) for split in SPLITS})
