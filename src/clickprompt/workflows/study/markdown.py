"""Grids as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from clickprompt.workflows.study.grids import Grid

_SPECIAL = re.compile(r"[\\`*\[\]|]|<(?=[A-Za-z/!?])|(?<!\w)_|_(?!\w)")
_NUMBER = re.compile(r"[−+<]?\s?\d")


def to_markdown(title: str, legend: Iterable[str], grids: Iterable[Grid]) -> str:
    """A document: title, legend, and a section for each grid."""
    parts = [f"# {escape(title)}", *map(escape, legend)]
    for grid in grids:
        parts += [f"## {escape(grid.title)}", _table(grid)]
        parts += [escape(grid.note)] if grid.note else []
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def _table(grid: Grid) -> str:
    labels = len(grid.stub)
    rules = []
    for column in range(len(grid.headings)):
        texts = [row[column] for row in grid.rows if row[column]]
        numbers = column >= labels and all(_NUMBER.match(text) or text == "failed" for text in texts)
        rules.append("---:" if numbers else "---")
    lines = [map(escape, grid.headings), rules, *(map(escape, row) for row in grid.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
