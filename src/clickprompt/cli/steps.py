"""The steps of a run, one by one and all together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickprompt.cli.options import OnBadRow, Out, Prepared, RecipePath, Resume, Settings
from clickprompt.cli.recipe_runs import prepared_run, run_settings, with_bad_rows

if TYPE_CHECKING:
    from clickprompt.workflows.runs import RunFolder


def prepare(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    on_bad_row: OnBadRow = None,
) -> None:
    """Read raw rows, split them, number their values, tokenize their texts."""
    with prepared_run(recipe, with_bad_rows(set_, on_bad_row), out, prepared) as (_, folder, data, progress):
        for name, split in data.table.manifest["splits"].items():
            progress.say(f"{name}: {split['rows']:,} rows, {split['positive_share']:.1%} positive")
        progress.say(f"prepared: {folder.prepared}")


def pretrain(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    resume: Resume = True,
    on_bad_row: OnBadRow = None,
) -> None:
    """Pretrain without labels: PA-MLM teaches the ID model what the words mean."""
    set_ = with_bad_rows(set_, on_bad_row)
    with prepared_run(recipe, set_, out, prepared, resume) as (settings, folder, data, progress):
        from clickprompt.workflows.pretrain import pretrain as workflow

        workflow(settings, folder, data, progress)


def finetune(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    resume: Resume = True,
    on_bad_row: OnBadRow = None,
) -> None:
    """Train every model of the recipe on clicks and save its bundle; pretrains first where that is still to do."""
    set_ = with_bad_rows(set_, on_bad_row)
    with prepared_run(recipe, set_, out, prepared, resume) as (settings, folder, data, progress):
        from clickprompt.workflows.finetune import finetune as workflow

        for model in settings.trained_models:
            workflow(settings, model, folder, data, progress)


def evaluate(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    slices: Annotated[
        bool, typer.Option("--slices", help="Also print the measures on cold rows and on the long tail.")
    ] = False,
    on_bad_row: OnBadRow = None,
) -> None:
    """Score the test rows with every trained model; write metrics.json, history.csv and report.html."""
    with prepared_run(recipe, with_bad_rows(set_, on_bad_row), out, prepared) as (settings, folder, data, progress):
        from clickprompt.workflows.run import conclude

        records = conclude(settings, folder, data, progress)
    if slices:
        from clickprompt.workflows.show import slice_results

        slice_results(records)
    results(records, folder)


def run(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    resume: Resume = True,
    on_bad_row: OnBadRow = None,
) -> None:
    """Do all of it: prepare, pretrain, finetune, evaluate. Steps already done with the same inputs are passed over."""
    set_ = with_bad_rows(set_, on_bad_row)
    with run_settings(recipe, set_, out, prepared, resume) as (settings, folder, progress):
        from clickprompt.workflows.run import run as workflow

        records = workflow(settings, folder, progress)
    results(records, folder)


def results(records: list[dict[str, Any]], folder: RunFolder) -> None:
    from clickprompt.workflows.show import results_table

    results_table(records)
    typer.echo(f"report: {folder.path / 'report.html'}\nbundles: {folder.path / 'bundles'}")
