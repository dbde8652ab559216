"""Where each entry of a study stands: the ClickPrompt paper's tables 2 to 6, and a plain one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from clickprompt.workflows.study.entries import ALL, LONG_TAIL, Entry, place_of
from clickprompt.workflows.study.variants import CLICKPROMPT, FAMILIES, family_of, is_clickprompt, prompted_layers

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study


class Place(NamedTuple):
    """An entry on a slice of test rows."""

    entry: Entry
    part: str = ALL


@dataclass(frozen=True)
class Layout:
    """A table before its numbers: labelled rows by groups of columns, in each crossing an entry or nothing."""

    title: str
    stub: tuple[str, ...]
    """Headings of the labels."""
    groups: tuple[str, ...]
    rows: Sequence[tuple[tuple[str, ...], Sequence[Place | None]]]
    """Labels, and a place for each group."""


def lay_out(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    """The tables of a study's `table`; entries are in the order of its file."""
    layouts: dict[int | None, Callable[[Study, Sequence[Entry]], list[Layout]]] = {
        2: _overall,
        3: _compatibility,
        4: _prompted_layers,
        5: _ablation,
        6: _long_tail,
    }
    return layouts.get(study.table, _plain)(study, entries) if entries else []


def _overall(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    plain = [entry.key for entry in entries if entry.model == "id-only"]
    named_by_id_model = len({key.ctr_model for key in plain}) > 1 and len({key.method for key in plain}) == 1

    def label(entry: Entry) -> tuple[str, ...]:
        _, method, ctr_model, language_model = entry.key
        names = (ctr_model, None) if named_by_id_model and entry.key in plain else (method, ctr_model)
        return family_of(study, entry), *(name or "" for name in (*names, language_model))

    def order(entry: Entry) -> tuple[int, ...]:
        return FAMILIES.index(family_of(study, entry)), *place_of(study, entry.key)[1:]

    stub = ("family", "model", "ID model", "language model")
    return [_by_data_set(study, "Overall performance", stub, entries, label, order)]


def _compatibility(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    def mode_of(entry: Entry) -> str:
        if entry.model == "id-only":
            return "none"
        return CLICKPROMPT[entry.model] if is_clickprompt(study, entry) else entry.key.method

    # Where two methods are one kind, their own names tell them apart.
    methods: dict[str, set[str]] = {}
    for entry in entries:
        methods.setdefault(mode_of(entry), set()).add(entry.key.method)

    def label(entry: Entry) -> tuple[str, ...]:
        mode = mode_of(entry) if len(methods[mode_of(entry)]) == 1 else entry.key.method
        return entry.key.ctr_model or "none", mode, entry.key.language_model or "none"

    modes = ("none", "without LM", "with LM")

    def order(entry: Entry) -> tuple[int, ...]:
        _, method, ctr_model, language_model = place_of(study, entry.key)
        mode = label(entry)[1]
        return ctr_model, modes.index(mode) if mode in modes else len(modes), method, language_model

    stub = ("ID model", "finetuning", "language model")
    return [_by_data_set(study, "Compatibility with ID models and language models", stub, entries, label, order)]


def _prompted_layers(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    names = {
        entry.key.method: prompted_layers(study, entry)
        for entry in entries
        if entry.model in CLICKPROMPT and family_of(study, entry) == "clickprompt"
    }
    if len(set(names.values())) < len(names):  # several methods of one kind: their own names tell them apart
        names = {}

    def heading(entry: Entry) -> str:
        return names.get(entry.key.method, entry.key.method)

    return [_by_method(study, "First-layer prompts against layer-wise ones", entries, heading)]


def _ablation(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    def label(entry: Entry) -> tuple[str, ...]:
        return entry.key.ctr_model or "", entry.key.method, entry.key.language_model or ""

    def order(entry: Entry) -> tuple[int, ...]:
        _, method, ctr_model, language_model = place_of(study, entry.key)
        return ctr_model, language_model, method

    stub = ("ID model", "variant", "language model")
    return [_by_data_set(study, "Fusion strategies", stub, entries, label, order)]


def _long_tail(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    layouts = []
    for data_set in dict.fromkeys(entry.key.data_set for entry in entries):
        own = [entry for entry in entries if entry.key.data_set == data_set]
        own.sort(key=lambda entry: entry.key.method != study.baseline)
        known = {part for entry in own for part in entry.done}
        shown = [*(part for part in LONG_TAIL if part in known), ALL]
        groups = tuple(entry.key.title for entry in own)
        rows = [((part,), [Place(entry, part) for entry in own]) for part in shown]
        layouts.append(Layout(f"Long tail, {data_set}", ("slice",), groups, rows))
    return layouts


def _plain(study: Study, entries: Sequence[Entry]) -> list[Layout]:
    def label(entry: Entry) -> tuple[str, ...]:
        return tuple(name or "" for name in entry.key[1:])

    def order(entry: Entry) -> tuple[int, ...]:
        return place_of(study, entry.key)[1:]

    return [_by_data_set(study, "Results", ("model", "ID model", "language model"), entries, label, order)]


def _titled(study: Study, title: str) -> str:
    """A study's only data set stands in the title, and nowhere else."""
    return f"{title}, {next(iter(study.data_sets))}" if len(study.data_sets) == 1 else title


def _by_data_set(
    study: Study,
    title: str,
    stub: tuple[str, ...],
    entries: Sequence[Entry],
    label: Callable[[Entry], tuple[str, ...]],
    order: Callable[[Entry], tuple[int, ...]],
) -> Layout:
    """A row for each (method, ID model, language model), a group of columns for each data set."""
    groups = tuple(dict.fromkeys(entry.key.data_set for entry in entries))
    rows: dict[tuple[str | None, ...], tuple[tuple[str, ...], list[Place | None]]] = {}
    for entry in sorted(entries, key=order):
        row = rows.setdefault(entry.key[1:], (label(entry), [None] * len(groups)))
        row[1][groups.index(entry.key.data_set)] = Place(entry)
    shown = groups if len(study.data_sets) > 1 else ("",)
    return Layout(_titled(study, title), stub, shown, list(rows.values()))


def _by_method(study: Study, title: str, entries: Sequence[Entry], heading: Callable[[Entry], str]) -> Layout:
    """A row for each (data set, ID model, language model), a group of columns for each method."""
    groups = tuple(dict.fromkeys(heading(entry) for entry in entries))
    rows: dict[tuple[str, str, str], list[Place | None]] = {}
    languages = list(dict.fromkeys(entry.key.language_model for entry in entries if entry.key.language_model))
    for entry in entries:
        data_set, _, ctr_model, language_model = entry.key
        # A method without a language model stands in the row of every one.
        for language in [language_model] if language_model else languages or [""]:
            label = data_set if len(study.data_sets) > 1 else "", ctr_model or "", language
            row = rows.setdefault(label, [None] * len(groups))
            row[groups.index(heading(entry))] = Place(entry)
    return Layout(_titled(study, title), ("data set", "ID model", "language model"), groups, list(rows.items()))
