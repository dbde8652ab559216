"""A recipe's data, prepared and described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clickprompt.batches import Sentences
from clickprompt.contracts import SPLITS, Progress
from clickprompt.settings import ClickPromptError
from clickprompt.table import PreparedTable, left_out, prepare_table
from clickprompt.workflows.data import tokenized, tokenizer_of
from clickprompt.workflows.describe.description import Description, OverTime, SplitRows
from clickprompt.workflows.describe.fields import describe_field
from clickprompt.workflows.describe.sentences import describe_lengths, examples
from clickprompt.workflows.describe.value_counts import count_values
from clickprompt.workflows.recipe import Recipe

MOST_FREQUENT = 5
"""Values of each field that are named."""


def describe(recipe: Recipe, folder: Path, progress: Progress) -> Description:
    """Prepare `folder`, or reuse it, tokenize what a language model of the recipe would read, and describe both.

    Raises ClickPromptError as `prepare_table` does. Where the language model's tokenizer cannot be had, `notes` say so
    and lengths are left out.
    """
    table = prepare_table(recipe.data, folder, progress)
    notes = _notes(table.manifest["settings"])
    sentences: Sentences | None = None
    try:
        sentences = _sentences(recipe, table, progress)
    except ClickPromptError as error:
        notes.append(f"sentence lengths are not known: {error}")
    rows = sum(split["rows"] for split in table.manifest["splits"].values())
    counts = count_values(table, sentences, progress.start("Describing", rows, "rows"))
    language, tail_share = recipe.language_model, recipe.evaluation.tail_share
    return Description(
        title=f"Data of {recipe.data.source.kind}",
        prepared=str(folder),
        order=table.manifest["order"],
        splits=tuple(
            SplitRows(name, about["rows"], about["positives"])
            for name, about in ((name, table.manifest["splits"][name]) for name in SPLITS)
        ),
        fields=tuple(
            describe_field(table, place, counts, tail_share, MOST_FREQUENT) for place in range(len(table.schema.fields))
        ),
        tail_share=tail_share,
        over_time=_over_time(table.manifest.get("over_time")),
        lengths=None
        if sentences is None or language is None
        else describe_lengths(language.name, language.max_length, counts.lengths),
        examples=examples(table, sentences),
        duplicates_dropped=table.manifest["duplicates_dropped"],
        bad_rows=tuple(left_out(table.manifest)),
        hints=tuple(table.manifest["checks"]["hints"]),
        notes=tuple(notes),
    )


def _sentences(recipe: Recipe, table: PreparedTable, progress: Progress) -> Sentences | None:
    tokenizer = tokenizer_of(recipe)
    if tokenizer is None or recipe.language_model is None:
        return None
    return tokenized(table, tokenizer, recipe.language_model, progress)


def _over_time(found: dict[str, Any] | None) -> OverTime | None:
    if found is None:
        return None
    rows, positives = (tuple(map(tuple, found[key])) for key in ("rows", "positives"))
    return OverTime(found["unit"], tuple(found["edges"]), rows, positives)


def _notes(settings: dict[str, Any]) -> list[str]:
    sample = settings["split"]["sample"]
    keep = settings.get("negatives", {}).get("keep", 1)
    notes = [] if sample == 1 else [f"a sample: {sample:.4g} of all rows (data.split.sample)"]
    if keep != 1:
        notes.append(
            f"training rows without a click are a sample: {keep:.4g} of them (data.negatives.keep); "
            "label rates over time are of all rows"
        )
    if settings.get("fit_on") == "catalogue":
        notes.append("values that no training row holds own embedding rows, too (data.fit_on: catalogue)")
    return notes
