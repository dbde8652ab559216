"""Layouts filled with numbers: every cell as the text that Markdown and HTML both show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from clickprompt.workflows.report_formats import fixed, signed_percent
from clickprompt.workflows.study.entries import ALL, Key
from clickprompt.workflows.study.layouts import Layout, Place
from clickprompt.workflows.study.published import published_data_set, published_for
from clickprompt.workflows.study.statistics import Comparison

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
DAGGER = "†"
LEVEL = 0.05
Compared = Mapping[tuple[Key, str], Comparison]
"""Comparisons by entry and slice."""


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    title: str
    stub: tuple[str, ...]
    """Headings of the columns that name a row."""
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    """Heading of each group of columns ("" for none), and the headings of its columns."""
    rows: tuple[tuple[str, ...], ...]
    """Texts of every row, the labels first; "" where there is nothing to say."""
    note: str = ""

    @property
    def headings(self) -> tuple[str, ...]:
        """One heading a column, the group's name before it."""
        columns = (f"{group}: {name}" if group else name for group, names in self.groups for name in names)
        return (*self.stub, *columns)


def make_grid(
    title: str,
    stub: Sequence[str],
    groups: Sequence[tuple[str, Sequence[str]]],
    rows: Sequence[Sequence[str]],
    note: str = "",
) -> Grid:
    """A grid without the columns that are empty in every row, and without the groups left with none."""
    used = [any(row[column] for row in rows) for column in range(len(rows[0]))] if rows else []
    place, kept_groups = len(stub), []
    for group, names in groups:
        shown = tuple(name for name, keep in zip(names, used[place:], strict=False) if keep)
        place += len(names)
        if shown:
            kept_groups.append((group, shown))
    return Grid(
        title=title,
        stub=tuple(name for name, keep in zip(stub, used, strict=False) if keep),
        groups=tuple(kept_groups),
        rows=tuple(tuple(text for text, keep in zip(row, used, strict=True) if keep) for row in rows),
        note=note,
    )


def fill(study: Study, layout: Layout, compared: Compared) -> Grid:
    """A layout with our results, the baseline's distance, and the published numbers beside them."""
    groups = []
    for number, name in enumerate(layout.groups):
        places = [row[number] for _, row in layout.rows]
        groups.append((name, ("AUC", "vs baseline", "log loss", "n", *_published_headings(places))))
    rows = [
        [*labels, *(text for place in places for text in _texts(study, place, compared))]
        for labels, places in layout.rows
    ]
    return make_grid(layout.title, layout.stub, groups, rows)


def spread(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation; the mean alone of one value, "" of none."""
    if not values:
        return ""
    return fixed(fmean(values)) + (f" ± {fixed(stdev(values))}" if len(values) > 1 else "")


def marks(one: Comparison | None) -> str:
    """Stars by DeLong and the dagger by Welch; "" where nothing is shown, or could be."""
    if one is None:
        return ""
    stars = next((text for level, text in STARS if one.p_delong is not None and one.p_delong < level), "")
    return stars + (DAGGER if one.p_welch is not None and one.p_welch < LEVEL else "")


def _texts(study: Study, place: Place | None, compared: Compared) -> tuple[str, ...]:
    """AUC, vs baseline, log loss, n, published AUC, published log loss."""
    if place is None:
        return ("",) * 6
    entry, part = place
    aucs, losses = (list(entry.values(measure, part).values()) for measure in ("auc", "log_loss"))
    one = compared.get((entry.key, part))
    auc = " ".join(filter(None, (spread(aucs), marks(one))))
    if entry.failed:
        auc = f"{auc} ({len(entry.failed)} failed)" if auc else "failed"
    published = published_for(study, entry, part)
    return (
        auc,
        signed_percent(one.relative_improvement) if one else "",
        spread(losses),
        str(len(aucs)) if aucs else "",
        *((fixed(published.auc), fixed(published.log_loss)) if published else ("", "")),
    )


def _published_headings(places: Sequence[Place | None]) -> tuple[str, str]:
    """The headings say whose numbers they are where our data set is not the paper's."""
    ours = {place.entry.key.data_set for place in places if place}
    others = {published_data_set(name) for name in ours} - {None} - ours
    of = f" on {', '.join(sorted(str(name) for name in others))}" if others else ""
    return f"published AUC{of}", f"published log loss{of}"


def by_entry(comparisons: Sequence[Comparison]) -> dict[tuple[Key, str], Comparison]:
    """Comparisons by the entry and slice that they are about."""
    return {
        (Key(one.data_set, one.method, one.ctr_model, one.language_model), one.slice or ALL): one for one in comparisons
    }
