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

    order: Literal["auto", "time", "shuffle", "user", "given"] = "auto"
    """`auto` keeps splits that the source gives, else goes by time where there is a timestamp, else shuffles. `user`
    gives all rows of a user to one split, users drawn by `seed`, so that test users are new ones."""
    ratios: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (0.8, 0.1, 0.1)
    """Parts of train, validation and test; only their proportions count. Unused with given splits."""
    seed: Annotated[int, Setting(ge=0)] = 0
    """Seed of the shuffle."""
    drop_duplicates: bool = True
    """Keep the first of rows that are equal in every column of the file; given splits are looked at one by one."""
    sample: float = Setting(default=1.0, gt=0, le=1)
    """Share of the rows that is kept at all, drawn by `seed` before the split: for experiments on a small machine."""


class NegativesConfig(Settings):
    """Down-sampling of training rows without a click; validation and test rows are all kept."""

    keep: float = Setting(default=1.0, gt=0, le=1)
    """Share of the training rows without a click that is kept, drawn by `split.seed`."""
    correction: Literal["weight", "logit"] = "weight"
    """What keeps probabilities calibrated: each kept one counts 1/keep times in the loss, or logits are shifted by
    log(keep) when scoring (He et al., ADKDD 2014, section 6.3)."""


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
    fit_on: Literal["train", "catalogue"] = "train"
    """Rows whose values earn an embedding: training rows, or with `catalogue` all rows and the source's metadata
    files besides, whatever `min_count`; that is how papers counted their features, and no honest way to train."""
    negatives: NegativesConfig = NegativesConfig()
    """Down-sampling of training rows without a click."""
    training_order: Literal["auto", "split", "shuffled"] = "auto"
    """How training rows lie on disk: as they were split, or shuffled, so that training can read them from one end to
    the other where they do not fit in memory; `auto` shuffles where their values take more than 1 GiB."""
    on_bad_row: OnBadRow = "error"
    """What becomes of a row that cannot be used: it ends preparing, is left out, or is left out and put aside in
    `<prepared>.quarantine/rows.jsonl`."""
    max_bad_share: float = Setting(default=MAX_BAD_SHARE, ge=0, le=1)
    """Share of all rows that may be left out as bad; more are an error."""
