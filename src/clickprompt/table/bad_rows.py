"""Rows that cannot be used: the first ends preparing, or they are left out, counted, and put aside where asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.storage import write_file

OnBadRow = Literal["error", "skip", "quarantine"]

MAX_BAD_SHARE = 0.01
_FIRST = 3
"""Bad rows that an error and a manifest quote."""
_LINES = "unreadable lines"
_MOST = 1_000_000
"""Bad rows that are kept in mind while more rows are to come; more end preparing."""


@dataclass(frozen=True)
class BadRow:
    """One row of a file, and why it cannot be used."""

    file: str
    """As the user wrote it."""
    row: int
    """Number in its file: rows count from 1, a header is none."""
    line: int | None
    """Number of its first line, where the line itself cannot be read."""
    column: str | None
    """The cell that cannot be used; None where the line cannot be read."""
    reason: str
    """`label is "maybe"; expected 0 or 1`, or `too few cells, …`."""
    content: str = ""
    """The line as it stands, bytes that are no text as `\\xff`; or the row's cells as JSON."""

    def __str__(self) -> str:
        place = f"row {self.row:,}" if self.line is None else f"line {self.line:,}"
        return f"{self.file}, {place}: {self.reason}"


class BadRows:
    """What becomes of bad rows, and those found so far. `max_share`: of all rows read, that may be left out."""

    def __init__(self, policy: OnBadRow = "error", max_share: float = MAX_BAD_SHARE) -> None:
        self.policy: OnBadRow = policy
        self.max_share = max_share
        self.seen = 0
        """Rows read so far, bad ones among them."""
        self.rows: list[BadRow] = []
        self.more_to_come = False
        """Whether rows are still being read, so that the share of bad ones is not known yet."""

    def forget(self) -> None:
        """Begin anew: all rows will be read again."""
        self.seen, self.rows = 0, []

    def in_order(self, names: Sequence[str]) -> None:
        """Sort them by place, the files in the order of their `names`, whichever was read ahead of another."""
        files = {name: place for place, name in enumerate(dict.fromkeys([*names, *(bad.file for bad in self.rows)]))}
        self.rows.sort(key=lambda bad: (files[bad.file], bad.row))

    @property
    def skips(self) -> bool:
        """Whether bad rows are left out."""
        return self.policy != "error"

    @property
    def keeps(self) -> bool:
        """Whether what stood in them is wanted."""
        return self.policy == "quarantine"

    def add(self, rows: Sequence[BadRow], *, found: int | None = None) -> None:
        """Leave rows out. `found`: how many there are, where `rows` are but the first of them.

        Raises ClickPromptError where that makes too many.
        """
        self.rows += rows
        self.check(len(self.rows) - len(rows) + (len(rows) if found is None else found))

    def too_many(self, more: int) -> bool:
        """Whether so many more would be too many."""
        return len(self.rows) + more > (_MOST if self.more_to_come else self.max_share * self.seen)

    def check(self, found: int | None = None) -> None:
        """Raise ClickPromptError that counts the rows and quotes the first where there are too many."""
        found = len(self.rows) if found is None else found
        if found <= (_MOST if self.more_to_come else self.max_share * self.seen):
            return
        quoted = "; ".join(map(str, self.rows[:_FIRST]))
        raise ClickPromptError(
            f"{found:,} of {self.seen:,} rows cannot be used, {found / self.seen:.2%} where data.max_bad_share allows "
            f"{self.max_share:.2%}: {quoted}{'; …' if found > _FIRST else ''}; mend them or raise data.max_bad_share"
        )

    def numbers(self, file: str, rows: int) -> np.ndarray:
        """int64 (rows,): numbers in their file of the rows that are left of it."""
        lost = np.unique(np.array([bad.row for bad in self.rows if bad.file == file], dtype=np.int64))
        return np.setdiff1d(np.arange(1, rows + len(lost) + 1), lost, assume_unique=True)

    def summary(self, quarantine: Path | None = None) -> dict[str, Any]:
        """Counts by column, the first few, and where they were put aside, for a manifest."""
        return {
            "rows": len(self.rows),
            "of": self.seen,
            "by_column": dict(Counter(bad.column or _LINES for bad in self.rows).most_common()),
            "first": [str(bad) for bad in self.rows[:_FIRST]],
            "quarantine": quarantine and f"{quarantine.parent.name}/{quarantine.name}",
        }

    def put_aside(self, prepared: Path) -> Path | None:
        """Write `<prepared>.quarantine/rows.jsonl`, an object a row, and return its path; None where none is due."""
        path = prepared.parent / f"{prepared.name}.quarantine" / "rows.jsonl"
        if self.keeps and (self.rows or path.exists()):  # those of an earlier preparing are no longer true
            write_file(path, "".join(json.dumps(asdict(bad), ensure_ascii=False) + "\n" for bad in self.rows))
        return path if self.keeps and self.rows else None


def left_out(manifest: dict[str, Any]) -> list[str]:
    """What a prepared folder's manifest says of bad rows, and the first of them; nothing where there was none."""
    summary = manifest.get("bad_rows", {"rows": 0})
    return [told(summary), *summary["first"]] if summary["rows"] else []


def told(summary: dict[str, Any]) -> str:
    """`12 of 10,000 rows left out (label 9, unreadable lines 3)`, and where they stand now."""
    columns = ", ".join(f"{name} {count:,}" for name, count in summary["by_column"].items())
    where = f"; see {summary['quarantine']}" if summary["quarantine"] else ""
    return f"{summary['rows']:,} of {summary['of']:,} rows left out ({columns}){where}"
