"""Settings of the data: where it comes from, how it is split, which values earn an embedding."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Setting
from pydantic import PositiveFloat, PositiveInt

from clickprompt.settings import Settings
from clickprompt.table.bad_rows import MAX_BAD_SHARE, OnBadRow
from clickprompt.table.sources.registry import AnySource


class SplitConfig(Settings):
    """How rows become train, validation and test."""

    order: Literal["auto", "time", "shuffle", "given"] = "auto"
    """`auto` keeps splits that the source gives, else goes by time where there is a timestamp, else shuffles."""
    ratios: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (0.8, 0.1, 0.1)
    """Parts of train, validation and test; only their proportions count. Unused with given splits."""
    seed: Annotated[int, Setting(ge=0)] = 0
    """Seed of the shuffle."""
    drop_duplicates: bool = True
    """Keep the first of rows that are equal in every column of the file; given splits are looked at one by one."""
    sample: float = Setting(default=1.0, gt=0, le=1)
    """Share of the rows that is kept at all, drawn by `seed` before the split: for experiments on a small machine."""


class DataConfig(Settings):
    """The `data` section of a recipe."""

    source: AnySource
    """Where the rows come from; `clickprompt list sources` names the kinds."""
    split: SplitConfig = SplitConfig()
    """How rows become train, validation and test."""
    min_count: PositiveInt = 1
    """Training rows a value needs to earn an embedding; rarer values share their field's out-of-vocabulary row."""
    numeric_buckets: Annotated[int, Setting(ge=2)] = 32
    """Quantile buckets of a numeric field, fitted on training rows; equal quantiles become one bucket."""
    on_bad_row: OnBadRow = "error"
    """What becomes of a row that cannot be used: it ends preparing, is left out, or is left out and put aside in
    `<prepared>.quarantine/rows.jsonl`."""
    max_bad_share: float = Setting(default=MAX_BAD_SHARE, ge=0, le=1)
    """Share of all rows that may be left out as bad; more are an error."""
