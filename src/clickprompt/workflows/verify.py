"""Whether the files at hand give the counts that a paper printed of their data set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.storage import write_file
from clickprompt.table import prepare_table
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.report_formats import count


@dataclass(frozen=True)
class Count:
    """One number of a data set."""

    name: str
    """`rows`, `features`, or a field."""
    found: int
    published: int | None
    """None where the paper printed none."""

    @property
    def agrees(self) -> bool | None:
        """Whether both are equal; None where one is not known."""
        return None if self.published is None else self.found == self.published


@dataclass(frozen=True)
class Verification:
    """The counts of a recipe's data beside the published ones."""

    source: str
    """The data set's `kind`."""
    published_in: str
    note: str
    """Why other counts are no failure; empty where the public files give the published ones."""
    counts: tuple[Count, ...]

    @property
    def passed(self) -> bool:
        """Whether every count that was published agrees, or none is expected to."""
        return bool(self.note) or not self.differing

    @property
    def differing(self) -> list[Count]:
        """Counts that are not as published."""
        return [of for of in self.counts if of.agrees is False]

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        counts = [
            {"name": of.name, "published": of.published, "found": of.found, "agrees": of.agrees} for of in self.counts
        ]
        return {
            "source": self.source,
            "published_in": self.published_in,
            "note": self.note,
            "passed": self.passed,
            "counts": counts,
        }

    def write_json(self, path: Path) -> None:
        """Write it as JSON; ClickPromptError where the disk refuses."""
        write_file(path, json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")

    def verdict(self) -> str:
        """What the counts come to, in a line."""
        told = [of for of in self.counts if of.agrees is not None]
        if not self.differing:
            return f"all {len(told)} published counts agree"
        other = f"{len(self.differing)} of {len(told)} published counts do not agree"
        if self.note:
            return f"{other}, which is no failure: {self.note}"
        return f"{other}; are the files the official ones?"


def verify(recipe: Recipe, folder: Path, progress: Progress) -> Verification:
    """Prepare `folder` as papers count, or reuse it, and compare rows, features and each field's distinct values.

    The recipe's data as they are, but for `fit_on: catalogue`, which counts the values of all rows and of metadata
    files, and no down-sampling. Raises ClickPromptError where nothing was published of these settings.
    """
    data = recipe.data
    source = str(type(data.source).model_fields["kind"].default)
    published = data.source.published()
    if published is None:
        raise ClickPromptError(f"data.source: nothing is published of {source} with these settings; see docs/data.md")
    counted = data.model_copy(update={"fit_on": "catalogue", "negatives": type(data.negatives)()})
    manifest = prepare_table(counted, folder, progress).manifest
    fields = {name: field["distinct_values"] for name, field in manifest["fields"].items()}
    return Verification(
        source=source,
        published_in=published.source,
        note=published.note,
        counts=(
            Count("rows", sum(split["rows"] for split in manifest["splits"].values()), published.rows),
            Count("features", sum(fields.values()), published.features),
            *(Count(name, found, published.fields.get(name)) for name, found in fields.items()),
        ),
    )


def print_verification(verification: Verification) -> None:
    """Print the counts side by side, and what they come to."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    title = f"{verification.source} beside {verification.published_in}"
    table = Table("", title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("published", "found", "agrees"):
        table.add_column(name, justify="right")
    for of in verification.counts:
        agrees = {True: "yes", False: "no", None: ""}[of.agrees]
        table.add_row(of.name, count(of.published), count(of.found), agrees)
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(table)
    console.print(verification.verdict(), soft_wrap=True)
