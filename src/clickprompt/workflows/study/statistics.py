"""Each method of a study against its baseline: over seeds, over test rows, over users."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from clickprompt.evaluation import bootstrap_over_groups, delong_test, holm_adjusted, paired_t_test, welch_test
from clickprompt.storage import fingerprint
from clickprompt.workflows.runs import NUMBERS
from clickprompt.workflows.study.entries import ALL, LONG_TAIL, Entry, baseline_of
from clickprompt.workflows.study.scores import ReadScores, Scores

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study


@dataclass(frozen=True)
class Comparison:
    """An entry against the baseline's, over the seeds both have. What could not be computed is None."""

    data_set: str
    method: str
    ctr_model: str | None
    language_model: str | None
    slice: str
    baseline: str
    baseline_ctr_model: str | None
    baseline_language_model: str | None
    seeds: int
    shared_seeds: list[int]
    auc: float
    """Mean over shared seeds."""
    baseline_auc: float
    """Mean over shared seeds."""
    difference: float
    """auc − baseline_auc"""
    relative_improvement: float
    """difference / baseline_auc"""
    low: float | None = None
    """95 % t interval of `difference` over paired seeds, lower end."""
    high: float | None = None
    smallest_detectable: float | None = None
    """True difference that these seeds would have shown at p < 0.05 four times in five (paired t)."""
    p_paired: float | None = None
    p_welch: float | None = None
    delong_difference: float | None = None
    """AUC difference of the logits averaged over seeds; DeLong and the bootstrap test this one."""
    p_delong: float | None = None
    p_delong_by_seed: list[float] = field(default_factory=list)
    """In the order of `shared_seeds`."""
    bootstrap_low: float | None = None
    """95 % interval of `delong_difference` over resampled users, lower end."""
    bootstrap_high: float | None = None
    p_bootstrap: float | None = None
    p_paired_holm: float | None = None
    """Adjusted over all comparisons of the study, of all rows and of slices apart; the others likewise."""
    p_welch_holm: float | None = None
    p_delong_holm: float | None = None
    p_bootstrap_holm: float | None = None
    inputs: str = ""
    """Fingerprint of the results compared: as long as it stays, the comparison does."""


def compare_entries(
    study: Study,
    entries: Sequence[Entry],
    scores: ReadScores,
    known: Iterable[Mapping[str, Any]] = (),
    *,
    samples: int = 1000,
) -> list[Comparison]:
    """All comparisons of a study, the entries' order kept; those of the long tail's slices too where it is table 6.

    `known`: comparisons made before, as plain records; those whose `inputs` still hold are not computed again.
    `samples`: draws of the bootstrap over users.
    """
    found = {record["inputs"]: record for record in known}
    made = []
    for entry in entries:
        base = baseline_of(entry, entries, study)
        if base is None:
            continue
        for part in (ALL, *LONG_TAIL) if study.table == 6 else (ALL,):
            seeds = sorted(entry.values("auc", part).keys() & base.values("auc", part).keys())
            if not seeds:
                continue
            one = _over_seeds(entry, base, part, seeds, samples)
            if one["inputs"] in found:
                one |= {name: found[one["inputs"]][name] for name in _OF_ROWS}
            else:
                one |= _over_rows(entry, base, part, seeds, scores, samples)
            made.append(one)
    _adjust(made)
    return [Comparison(**one) for one in made]


_OF_ROWS = (
    "delong_difference",
    "p_delong",
    "p_delong_by_seed",
    "bootstrap_low",
    "bootstrap_high",
    "p_bootstrap",
)
_TESTED = 2
"""Raised when other rows come to be tested, or otherwise."""
_TESTS = ("p_paired", "p_welch", "p_delong", "p_bootstrap")


def _over_seeds(entry: Entry, base: Entry, part: str, seeds: list[int], samples: int) -> dict[str, Any]:
    own, other = entry.values("auc", part), base.values("auc", part)
    a, b = [own[seed] for seed in seeds], [other[seed] for seed in seeds]
    cells = [one.done[part][seed] for one in (entry, base) for seed in seeds]
    made: dict[str, Any] = {
        **entry.key._asdict(),
        "slice": part,
        "baseline": base.key.method,
        "baseline_ctr_model": base.key.ctr_model,
        "baseline_language_model": base.key.language_model,
        "seeds": len(seeds),
        "shared_seeds": seeds,
        "auc": fmean(a),
        "baseline_auc": fmean(b),
        "difference": fmean(a) - fmean(b),
        "relative_improvement": (fmean(a) - fmean(b)) / fmean(b) if any(b) else 0.0,
        "inputs": fingerprint(
            [NUMBERS, _TESTED, part, samples, [[row["run"], row["auc"], row["log_loss"]] for row in cells]]
        ),
    }
    if len(seeds) > 1:
        paired = paired_t_test(a, b)
        made |= {"low": paired.low, "high": paired.high, "p_paired": paired.p_value}
        made |= {"smallest_detectable": paired.smallest_detectable, "p_welch": welch_test(a, b).p_value}
    return made


def _over_rows(
    entry: Entry, base: Entry, part: str, seeds: list[int], scores: ReadScores, samples: int
) -> dict[str, Any]:
    """DeLong by seed; DeLong and the bootstrap on logits averaged over seeds; {} where test rows differ or are few."""

    def read(one: Entry, seed: int) -> Scores | None:
        return scores(one.done[ALL][seed]).of(part)

    first = read(entry, seeds[0])
    if first is None:
        return {}
    labels, groups = first.labels, first.groups
    if min(np.count_nonzero(labels), np.count_nonzero(labels == 0)) < 2:
        return {}
    own, other = np.zeros(len(labels)), np.zeros(len(labels))
    by_seed = []
    for seed in seeds:
        a, b = read(entry, seed), read(base, seed)
        if a is None or b is None or not (np.array_equal(labels, a.labels) and np.array_equal(labels, b.labels)):
            return {}
        by_seed.append(delong_test(labels, a.logits, b.logits).p_value)
        own += a.logits
        other += b.logits
    test = delong_test(labels, own, other)
    made = {"delong_difference": test.difference, "p_delong": test.p_value, "p_delong_by_seed": by_seed}
    if groups is not None and (groups != groups[0]).any():
        bootstrap = bootstrap_over_groups(labels, own, other, groups, samples=samples)
        made |= {"bootstrap_low": bootstrap.low, "bootstrap_high": bootstrap.high, "p_bootstrap": bootstrap.p_value}
    return made


def _adjust(made: list[dict[str, Any]]) -> None:
    """Holm's correction of each test, over the comparisons of all rows and over those of slices."""
    for family in ([one for one in made if one["slice"] == ALL], [one for one in made if one["slice"] != ALL]):
        for test in _TESTS:
            raw = [math.nan if one.get(test) is None else one[test] for one in family]
            for one, adjusted in zip(family, holm_adjusted(raw), strict=True):
                one[f"{test}_holm"] = None if math.isnan(adjusted) else float(adjusted)
