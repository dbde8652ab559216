"""Result rows gathered over seeds: one entry for each data set, method, ID model and language model of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study

Row = Mapping[str, Any]
ALL = "all"
"""The slice that holds every test row."""
LONG_TAIL = (
    "tail users, tail items",
    "head users, tail items",
    "tail users, head items",
    "head users, head items",
)
"""The slices of table 6, in its order."""


class Key(NamedTuple):
    """What tells an entry from the others."""

    data_set: str
    method: str
    ctr_model: str | None
    language_model: str | None

    @property
    def title(self) -> str:
        """Method, ID model and language model; a method named for its ID model says it once."""
        return " · ".join(dict.fromkeys(name for name in self[1:] if name))


@dataclass(frozen=True)
class Entry:
    """One entry over its seeds."""

    key: Key
    model: str
    done: Mapping[str, Mapping[int, Row]]
    """Result rows by slice and seed."""
    failed: Sequence[Row] = ()
    trials: Sequence[Row] = ()

    def values(self, measure: str, part: str = ALL) -> dict[int, float]:
        """A measure by seed, seeds ascending; those without it left out."""
        rows = self.done.get(part, {})
        return {seed: rows[seed][measure] for seed in sorted(rows) if rows[seed].get(measure) is not None}


def gather_entries(study: Study, results: Iterable[Row]) -> list[Entry]:
    """Entries in the order of the study's file: data set, method, ID model, language model."""
    by_key: dict[Key, list[Row]] = {}
    for row in results:
        key = Key(row["data_set"], row["method"], row.get("ctr_model"), row.get("language_model"))
        by_key.setdefault(key, []).append(row)
    return [_entry(key, by_key[key]) for key in sorted(by_key, key=lambda key: place_of(study, key))]


def place_of(study: Study, key: Key) -> tuple[int, int, int, int]:
    """Places of a key's names in the study's file; −1 for a name it has not."""
    return (
        _place(key.data_set, study.data_sets),
        _place(key.method, study.methods),
        _place(key.ctr_model, study.ctr_models),
        _place(key.language_model, study.language_models),
    )


def baseline_of(entry: Entry, entries: Sequence[Entry], study: Study) -> Entry | None:
    """The baseline's entry that another one is compared with; None where there is none, or none yet.

    It is of the same data set, and of the same ID model and language model where the study runs the baseline with them.
    Else (a method without an ID model, say) it is of those that most methods are run with. In table 2 that one is the
    baseline of the other ID models too.
    """
    own = entry.key.method == study.baseline
    if study.baseline is None or (own and study.table != 2):
        return None
    method = study.methods[study.baseline]
    ctr_models = method.ctr_models or tuple(study.ctr_models)
    language_models = method.language_models or tuple(study.language_models)
    ctr_uses = [name for one in study.methods.values() for name in one.ctr_models or study.ctr_models]
    language_uses = [name for one in study.methods.values() for name in one.language_models or study.language_models]
    ctr_model = _counterpart(None if own else entry.key.ctr_model, ctr_models, ctr_uses)
    language_model = _counterpart(entry.key.language_model, language_models, language_uses)
    for other in entries:
        _, name, its_ctr_model, its_language_model = other.key
        # A name that is none of the study's is the baseline's only one.
        fits = its_ctr_model not in ctr_models or its_ctr_model == ctr_model
        fits &= its_language_model not in language_models or its_language_model == language_model
        if fits and (other.key.data_set, name) == (entry.key.data_set, study.baseline):
            return None if other is entry else other
    return None


def _counterpart(name: str | None, names: Sequence[str], uses: Sequence[str]) -> str | None:
    """The same name, else the one of `names` that is used most."""
    return name if name in names else max(names, key=uses.count, default=None)


def _entry(key: Key, rows: Sequence[Row]) -> Entry:
    tests = [row for row in rows if row["phase"] == "test"]
    done: dict[str, dict[int, Row]] = {}
    for row in tests:
        if row["status"] == "done":
            done.setdefault(row.get("slice") or ALL, {})[row["seed"]] = row
    return Entry(
        key=key,
        model=rows[0]["model"],
        done=done,
        failed=[row for row in tests if row["status"] == "failed"],
        trials=sorted((row for row in rows if row["phase"] == "trial"), key=lambda row: row["trial"]),
    )


def _place(name: str | None, order: Mapping[str, Any]) -> int:
    names = list(order)
    return -1 if name is None else names.index(name) if name in order else len(names)
