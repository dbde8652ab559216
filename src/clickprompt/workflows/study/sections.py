"""What stands beneath a study's table: comparisons, every seed, every trial, every failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from clickprompt.workflows.report_formats import fixed, p_value, signed
from clickprompt.workflows.study.entries import ALL, Entry, Key
from clickprompt.workflows.study.grids import Compared, Grid, make_grid
from clickprompt.workflows.study.statistics import Comparison

_STUB = ("data set", "model", "ID model", "language model")
_TESTS = (("paired", "p_paired"), ("Welch", "p_welch"), ("DeLong", "p_delong"), ("users", "p_bootstrap"))


def beneath(entries: Sequence[Entry], comparisons: Sequence[Comparison], compared: Compared) -> list[Grid]:
    """The sections that have something to say."""
    grids = (_comparisons(comparisons), _seeds(entries, compared), _trials(entries), _failures(entries))
    return [grid for grid in grids if grid.rows]


def _comparisons(comparisons: Sequence[Comparison]) -> Grid:
    several = sum(one.slice == ALL for one in comparisons) > 1 or sum(one.slice != ALL for one in comparisons) > 1
    tests = tuple(name for name, _ in _TESTS)
    groups = (
        ("", ("against", "n")),
        ("over seeds", ("difference", "95 % interval", "smallest detectable")),
        ("averaged logits", ("difference", "95 % over users")),
        ("p", tests),
        ("p after Holm", tests),
    )
    rows = [
        (
            *(name or "" for name in (one.data_set, one.method, one.ctr_model, one.language_model)),
            "" if one.slice == ALL else one.slice,
            Key(one.data_set, one.baseline, one.baseline_ctr_model, one.baseline_language_model).title,
            str(one.seeds),
            signed(one.difference),
            _interval(one.low, one.high),
            _or_blank(fixed, one.smallest_detectable),
            _or_blank(signed, one.delong_difference),
            _interval(one.bootstrap_low, one.bootstrap_high),
            *(_or_blank(p_value, getattr(one, key)) for _, key in _TESTS),
            *(_or_blank(p_value, getattr(one, f"{key}_holm") if several else None) for _, key in _TESTS),
        )
        for one in comparisons
    ]
    return make_grid("Comparisons", (*_STUB, "slice"), groups, rows, _COMPARISONS_NOTE)


_COMPARISONS_NOTE = (
    "AUC differences from the baseline. Over seeds: mean of the differences of runs of one seed, with its 95 % t "
    "interval; smallest detectable: the true difference that so many seeds with this spread would have shown at "
    "p < 0.05 in four cases of five. Averaged logits: each method's logits averaged over its seeds, tested on the "
    "shared test rows by DeLong and by a bootstrap that draws whole users. Paired: t-test of seed by seed; "
    "Welch: t-test of the two sets of seeds. Holm: corrected for the comparisons listed here, slices for themselves. "
    "Blank: not to be had (one seed, no users, other test rows)."
)


def _seeds(entries: Sequence[Entry], compared: Compared) -> Grid:
    def seeds_of(entry: Entry) -> set[int]:
        return {*entry.done.get(ALL, {}), *(row["seed"] for row in entry.failed)}

    seeds = sorted(set().union(*map(seeds_of, entries)))
    names = tuple(f"seed {seed}" for seed in seeds)
    rows = []
    for entry in entries:
        if not seeds_of(entry):
            continue
        failed = {row["seed"] for row in entry.failed}
        row = list(_labels(entry.key))
        for measure in ("auc", "log_loss"):
            values = entry.values(measure)
            row += ["failed" if seed in failed else _or_blank(fixed, values.get(seed)) for seed in seeds]
        one = compared.get((entry.key, ALL))
        by_seed = dict(zip(one.shared_seeds, one.p_delong_by_seed, strict=False)) if one else {}
        rows.append([*row, *(_or_blank(p_value, by_seed.get(seed)) for seed in seeds)])
    groups = (("AUC", names), ("log loss", names), ("p (DeLong)", names))
    return make_grid("Every seed", _STUB, groups, rows, "p: against the baseline's run of the same seed.")


def _trials(entries: Sequence[Entry]) -> Grid:
    rows = []
    for entry in entries:
        chosen = {row.get("trial") for row in entry.done.get(ALL, {}).values()}
        for trial in entry.trials:
            done = trial["status"] == "done"
            auc = _or_blank(fixed, trial.get("validation_auc")) if done else trial["status"]
            taken = "chosen" if trial["trial"] in chosen else ""
            rows.append((*_labels(entry.key), str(trial["trial"]), _settings(trial.get("settings")), auc, taken))
    groups = (("", ("trial", "settings", "validation AUC", "chosen")),)
    return make_grid("Tuning trials", _STUB, groups, rows, "Judged on validation rows; no trial reads test rows.")


def _failures(entries: Sequence[Entry]) -> Grid:
    rows = []
    for entry in entries:
        for row in [*entry.failed, *(trial for trial in entry.trials if trial["status"] == "failed")]:
            rows.append((*_labels(entry.key), str(row["seed"]), row["phase"], row.get("error") or "no reason given"))
    return make_grid("Failed runs", _STUB, (("", ("seed", "phase", "error")),), rows)


def _labels(key: Key) -> tuple[str, ...]:
    return tuple(name or "" for name in key)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{signed(low)} to {signed(high)}"


def _or_blank(write: Callable[[float], str], value: float | None) -> str:
    return "" if value is None else write(value)


def _settings(text: str | None) -> str:
    """JSON of drawn settings as `finetune.epochs = 2, …`."""
    drawn = json.loads(text) if text else {}
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in drawn.items())
