"""What stands beneath a study's table: comparisons, every seed, every trial, every failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from clickprompt.workflows.report_formats import fixed, p_value, signed
from clickprompt.workflows.study.entries import ALL, Entry, Key
from clickprompt.workflows.study.grids import Compared, Grid, make_grid
from clickprompt.workflows.study.statistics import Comparison

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study

Labels = Callable[[Key], tuple[str, ...]]
"""What names an entry in a row; the data set only where the study has several."""

_STUB = ("data set", "model", "ID model", "language model")
_TESTS = (("paired", "p_paired"), ("Welch", "p_welch"), ("DeLong", "p_delong"), ("bootstrap", "p_bootstrap"))


def beneath(
    study: Study, entries: Sequence[Entry], comparisons: Sequence[Comparison], compared: Compared
) -> list[Grid]:
    """The sections that have something to say."""

    def labels(key: Key) -> tuple[str, ...]:
        data_set = key.data_set if len(study.data_sets) > 1 else None
        return tuple(name or "" for name in (data_set, *key[1:]))

    grids = (
        _differences(labels, comparisons),
        _p_values(labels, comparisons),
        _seeds(labels, entries, compared),
        _trials(labels, entries),
        _failures(labels, entries),
    )
    return [grid for grid in grids if grid.rows]


def _compared(labels: Labels, one: Comparison) -> tuple[str, ...]:
    key = Key(one.data_set, one.method, one.ctr_model, one.language_model)
    return (*labels(key), "" if one.slice == ALL else one.slice)


def _differences(labels: Labels, comparisons: Sequence[Comparison]) -> Grid:
    groups = (
        ("", ("against", "n")),
        ("over seeds", ("difference", "95 % interval", "smallest detectable")),
        ("averaged logits", ("difference", "95 % over users")),
    )
    bases = [
        Key(one.data_set, one.baseline, one.baseline_ctr_model, one.baseline_language_model).title
        for one in comparisons
    ]
    of_all = bases[0] if len(set(bases)) == 1 else None
    rows = [
        (
            *_compared(labels, one),
            "" if of_all else base,
            str(one.seeds),
            signed(one.difference),
            _interval(one.low, one.high),
            _or_blank(fixed, one.smallest_detectable),
            _or_blank(signed, one.delong_difference),
            _interval(one.bootstrap_low, one.bootstrap_high),
        )
        for one, base in zip(comparisons, bases, strict=True)
    ]
    note = f"AUC differences from {of_all or 'the baseline'}. {_DIFFERENCES_NOTE}"
    return make_grid("Comparisons", (*_STUB, "slice"), groups, rows, note)


_DIFFERENCES_NOTE = (
    "Over seeds: mean of the differences of runs of one seed, with its 95 % t "
    "interval; smallest detectable: the true difference that so many seeds with this spread would have shown at "
    "p < 0.05 in four cases of five. Averaged logits: each method's logits averaged over its seeds, on the shared test "
    "rows, with the interval of a bootstrap that draws whole users. Blank: not to be had (one seed, no users, other "
    "test rows)."
)


def _p_values(labels: Labels, comparisons: Sequence[Comparison]) -> Grid:
    several = sum(one.slice == ALL for one in comparisons) > 1 or sum(one.slice != ALL for one in comparisons) > 1
    tests = tuple(name for name, _ in _TESTS)
    rows = [
        (
            *_compared(labels, one),
            *(_or_blank(p_value, getattr(one, key)) for _, key in _TESTS),
            *(_or_blank(p_value, getattr(one, f"{key}_holm") if several else None) for _, key in _TESTS),
        )
        for one in comparisons
    ]
    shown = any(text for row in rows for text in row[len(_STUB) + 1 :])
    groups = (("p", tests), ("p after Holm", tests))
    return make_grid("Significance", (*_STUB, "slice"), groups, rows if shown else [], _P_VALUES_NOTE)


_P_VALUES_NOTE = (
    "Of these differences. Paired: t-test of seed by seed; Welch: t-test of the two sets of seeds; DeLong and "
    "bootstrap: of the averaged logits, the first over test rows, the second over users. Holm: corrected for the "
    "comparisons listed here, slices for themselves. Blank: not to be had."
)


def _seeds(labels: Labels, entries: Sequence[Entry], compared: Compared) -> Grid:
    def seeds_of(entry: Entry) -> set[int]:
        return {*entry.done.get(ALL, {}), *(row["seed"] for row in entry.failed)}

    seeds = sorted(set().union(*map(seeds_of, entries)))
    names = tuple(f"seed {seed}" for seed in seeds)
    rows = []
    for entry in entries:
        if not seeds_of(entry):
            continue
        failed = {row["seed"] for row in entry.failed}
        row = list(labels(entry.key))
        for measure in ("auc", "log_loss"):
            values = entry.values(measure)
            row += ["failed" if seed in failed else _or_blank(fixed, values.get(seed)) for seed in seeds]
        one = compared.get((entry.key, ALL))
        by_seed = dict(zip(one.shared_seeds, one.p_delong_by_seed, strict=False)) if one else {}
        rows.append([*row, *(_or_blank(p_value, by_seed.get(seed)) for seed in seeds)])
    groups = (("AUC", names), ("log loss", names), ("p (DeLong)", names))
    return make_grid("Every seed", _STUB, groups, rows, "p: against the baseline's run of the same seed.")


def _trials(labels: Labels, entries: Sequence[Entry]) -> Grid:
    rows = []
    for entry in entries:
        chosen = {row.get("trial") for row in entry.done.get(ALL, {}).values()}
        for trial in entry.trials:
            done = trial["status"] == "done"
            auc = _or_blank(fixed, trial.get("validation_auc")) if done else trial["status"]
            taken = "chosen" if trial["trial"] in chosen else ""
            rows.append((*labels(entry.key), str(trial["trial"]), _settings(trial.get("settings")), auc, taken))
    groups = (("", ("trial", "settings", "validation AUC", "chosen")),)
    return make_grid("Tuning trials", _STUB, groups, rows, "Judged on validation rows; no trial reads test rows.")


def _failures(labels: Labels, entries: Sequence[Entry]) -> Grid:
    rows = []
    for entry in entries:
        for row in [*entry.failed, *(trial for trial in entry.trials if trial["status"] == "failed")]:
            rows.append((*labels(entry.key), str(row["seed"]), row["phase"], row.get("error") or "no reason given"))
    return make_grid("Failed runs", _STUB, (("", ("seed", "phase", "error")),), rows)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{signed(low)} to {signed(high)}"


def _or_blank(write: Callable[[float], str], value: float | None) -> str:
    return "" if value is None else write(value)


def _settings(text: str | None) -> str:
    """JSON of drawn settings as `finetune.epochs = 2, …`."""
    drawn = json.loads(text) if text else {}
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in drawn.items())
