"""A description on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clickprompt.workflows.describe.description import Description
from clickprompt.workflows.describe.shown import number, shown
from clickprompt.workflows.describe.time_bins import clock, heading, moment, time_bins
from clickprompt.workflows.report_formats import NONE, count, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_BINS = 10
_BAR = 24
_VALUE_LETTERS = 36
_SENTENCE_LETTERS = 600


def print_description(description: Description, console: Console | None = None) -> None:
    """Print it as tables."""
    from rich.console import Console

    console = console or Console(highlight=False, markup=False, emoji=False)
    for table in _tables(description):
        console.print(table)
        console.print()
    for line in _lines(description):
        console.print(line)


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    """Without lines but one beneath the headings; columns of words, then columns of numbers."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right")
    return table


def _tables(of: Description) -> Iterator[Table]:
    splits = _table(f"{of.title}, split by {of.order}", ["split"], ["rows", "positives", "label rate"])
    for split in of.splits:
        splits.add_row(split.name, count(split.rows), count(split.positives), percent(split.label_rate))
    yield splits

    heads = ["values", "embedding\nrows", "missing", "in the\ntail"]
    fields = _table("Fields", ["field", "kind", "side"], heads)
    for field in of.fields:
        tail = None if field.tail is None else field.tail.values
        fields.add_row(
            shown(field.name),
            field.kind,
            field.side,
            count(field.distinct),
            count(field.embedding_rows),
            percent(field.missing["train"]),
            percent(tail),
        )
    yield fields

    heads = [f"{name}\n{what}" for name in ("validation", "test") for what in ("rows", "values", "OOV rows")]
    outside = _table("Not seen in training", ["field"], heads)
    for field in of.fields:
        shares = [field.outside[name] for name in ("validation", "test")]
        cells = [percent(share) for one in shares for share in (one.rows, one.values, one.vocabulary)]
        outside.add_row(shown(field.name), *cells)
    yield outside

    top = _table("Most frequent in training", ["field", "value"], ["rows", "share", "label rate"])
    for field in of.fields:
        for place, value in enumerate(field.top):
            name = shown(field.name) if place == 0 else ""
            cells = [count(value.rows), percent(value.share), percent(value.label_rate)]
            top.add_row(name, shown(value.text, _VALUE_LETTERS), *cells)
    yield top

    if of.over_time is not None:
        unit = clock(of.over_time)
        times = _table("Label rate over time", [heading(of.over_time), "splits"], ["rows", "label rate"])
        times.add_column("")
        for one in time_bins(of.over_time, _BINS):
            rate = one.label_rate
            bar = "" if rate is None else "█" * round(rate * _BAR)
            times.add_row(moment(one.start, unit), one.splits, count(sum(one.rows)), percent(rate), bar)
        yield times


def _lines(of: Description) -> Iterator[str]:
    for field in of.fields:
        if field.numbers is not None:
            one = field.numbers
            low, middle, high = map(number, (one.minimum, one.median, one.maximum))
            yield f"{shown(field.name)}: from {low} to {high}, median {middle}"
        if field.items is not None:
            yield f"{shown(field.name)}: {field.items:.1f} items a row"
    yield f"tail: the least frequent values, with the last {percent(of.tail_share, 0)} of training rows"
    yield f"duplicates dropped: {of.duplicates_dropped:,}"
    if of.lengths is not None:
        lengths = of.lengths
        quantiles = ", ".join(f"{float(share):.0%} ≤ {length}" for share, length in lengths.quantiles.items())
        cut = ", ".join(f"{name} {percent(share)}" for name, share in lengths.cut.items())
        yield f"tokens a sentence ({lengths.language_model}): mean {lengths.mean:.1f}; {quantiles}"
        yield f"longer than max_length {lengths.max_length}, and cut: {cut}"
    for example in of.examples:
        tokens = NONE if example.tokens is None else str(example.tokens)
        yield f"example (label {example.label}, {tokens} tokens): {shown(example.sentence, _SENTENCE_LETTERS)}"
    yield from (f"bad rows: {shown(line, _SENTENCE_LETTERS)}" for line in of.bad_rows)
    yield from (f"hint: {shown(line, _SENTENCE_LETTERS)}" for line in of.hints)
    yield from (f"note: {shown(line, _SENTENCE_LETTERS)}" for line in of.notes)
    yield f"prepared: {of.prepared}"
