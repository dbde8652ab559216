"""Label rate over time, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickprompt.contracts import SPLITS
from clickprompt.workflows.describe.description import OverTime

MICROSECONDS = {"microseconds": 1, "milliseconds": 1_000, "seconds": 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FROM, _TO = (datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6 for year in (1980, 2100))


@dataclass(frozen=True)
class TimeBin:
    """A stretch of time."""

    start: float
    stop: float
    rows: tuple[int, ...]
    """Train, validation, test."""
    positives: tuple[int, ...]

    @property
    def label_rate(self) -> float | None:
        """positives / rows of all splits; None without rows."""
        return sum(self.positives) / sum(self.rows) if any(self.rows) else None

    @property
    def splits(self) -> str:
        """`train, validation`: those that have rows in it."""
        return ", ".join(name for name, rows in zip(SPLITS, self.rows, strict=True) if rows)


def time_bins(over_time: OverTime, most: int) -> list[TimeBin]:
    """The bins, neighbours put together until there are `most` at most."""
    edges, number = over_time.edges, len(over_time.rows)
    each = -(-number // most)
    return [
        TimeBin(
            edges[start],
            edges[stop],
            tuple(map(sum, zip(*over_time.rows[start:stop], strict=True))),
            tuple(map(sum, zip(*over_time.positives[start:stop], strict=True))),
        )
        for start in range(0, number, each)
        for stop in [min(start + each, number)]
    ]


def clock(over_time: OverTime) -> str | None:
    """What times count since 1970; None where they are mere numbers.

    Numbers as given pass for seconds or milliseconds where all of them then lie between 1980 and 2100.
    """
    if over_time.unit in MICROSECONDS:
        return over_time.unit
    for unit in ("seconds", "milliseconds"):
        if all(_FROM <= edge * MICROSECONDS[unit] < _TO for edge in over_time.edges):
            return unit
    return None


def heading(over_time: OverTime) -> str:
    """What stands above moments: how they are to be read."""
    unit = clock(over_time)
    if unit is None:
        return "from"
    return "from (UTC)" if unit == over_time.unit else f"from (UTC, read as {unit})"


def moment(value: float, clock: str | None) -> str:
    """`2000-12-31 22:04` in UTC, or the number as it is."""
    if clock is None:
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    try:
        return f"{_EPOCH + timedelta(microseconds=value * MICROSECONDS[clock]):%Y-%m-%d %H:%M}"
    except OverflowError:
        return f"{value:.0f}"
