"""A study's result as Markdown and HTML tables, and its comparisons as a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickprompt.storage import write_file
from clickprompt.workflows.study.comparisons_file import read_comparisons, write_comparisons
from clickprompt.workflows.study.entries import Entry, Key, Row, gather_entries
from clickprompt.workflows.study.grids import Grid, by_entry, fill
from clickprompt.workflows.study.layouts import lay_out
from clickprompt.workflows.study.markdown import to_markdown
from clickprompt.workflows.study.published import published_data_set
from clickprompt.workflows.study.scores import ReadScores
from clickprompt.workflows.study.sections import beneath
from clickprompt.workflows.study.statistics import Comparison, compare_entries

if TYPE_CHECKING:
    import polars

    from clickprompt.workflows.study.config import Study


def write_tables(
    folder: Path,
    study: Study,
    results: polars.DataFrame | Iterable[Row],
    scores: ReadScores,
    *,
    unfinished: str = "",
    samples: int = 1000,
) -> None:
    """Write `tables.md`, `tables.html` and `comparisons.parquet` of the results so far; missing cells stay blank.

    Comparisons that stand in `comparisons.parquet` and whose results have not changed are not computed again, and
    their `scores` not read. `unfinished`: a sentence above the tables while some are to come.
    `samples`: draws of the bootstrap over users.
    """
    rows: list[Row] = list(results.iter_rows(named=True)) if hasattr(results, "iter_rows") else list(results)
    entries = gather_entries(study, rows)
    comparisons = compare_entries(study, entries, scores, read_comparisons(folder), samples=samples)
    write_comparisons(folder, comparisons)
    legend, grids = legend_of(study, entries, comparisons), grids_of(study, entries, comparisons)
    legend = [unfinished, *legend] if unfinished else legend
    write_file(folder / "tables.md", to_markdown(study.title, legend, grids))
    write_file(folder / "tables.html", _to_html(study.title, legend, grids))


def grids_of(study: Study, entries: Sequence[Entry], comparisons: Sequence[Comparison]) -> list[Grid]:
    """The study's tables and what stands beneath them."""
    compared = by_entry(comparisons)
    tables = [fill(study, layout, compared) for layout in lay_out(study, entries)]
    return [*tables, *beneath(study, entries, comparisons, compared)]


def legend_of(study: Study, entries: Sequence[Entry], comparisons: Sequence[Comparison]) -> list[str]:
    """What the tables' signs mean, a paragraph each."""
    legend = ["On test rows: mean ± sample standard deviation over n seeds. Blank: not run."]
    bases = {
        Key(one.data_set, one.baseline, one.baseline_ctr_model, one.baseline_language_model) for one in comparisons
    }
    if bases:
        one_for_all = len({base[1:] for base in bases}) == 1
        against = next(iter(bases)).title if one_for_all else f"{study.baseline} (Comparisons says which)"
        legend.append(
            f"vs baseline: relative difference in AUC from {against}, over the seeds both have. "
            "* p < 0.05, ** p < 0.01, *** p < 0.001 by DeLong's test on the shared test rows, of logits averaged over "
            "those seeds; † p < 0.05 by Welch's t-test over seeds. Signs mark differences in either direction and are "
            "not corrected for the number of comparisons; p-values after Holm's correction stand beneath."
        )
    ours = {entry.key.data_set for entry in entries}
    if any(published_data_set(name) for name in ours):
        legend.append(
            "Published: what the ClickPrompt paper (arXiv 2310.09234) printed for the row, with DCNv2 and RoBERTa-base "
            "where the row names nothing else, and its own sizes, rows and tuning; for the same data set, or the one "
            "that the heading names."
        )
    return legend


def _to_html(title: str, legend: Sequence[str], grids: Sequence[Grid]) -> str:
    import jinja2

    environment: Any = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("tables.html.jinja").render(title=title, legend=legend, grids=grids)
