"""`clickprompt data`: what there is to know of a recipe's data before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.options import OnBadRow, Out, Prepared, RecipePath, Settings
from clickprompt.cli.recipe_runs import run_settings, with_bad_rows

data = typer.Typer(help="Describe a recipe's data, or verify them.", no_args_is_help=True, rich_markup_mode=None)


@data.command(short_help="Rows, values, missing, tails, unseen, label rate over time.")
def describe(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as one HTML page, too.")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write it as JSON, too.")] = None,
    on_bad_row: OnBadRow = None,
) -> None:
    """Describe a recipe's data: splits, fields, frequent and unseen values, label rate over time, sentences.

    Prepares the data, or reads the prepared folder where nothing has changed; the raw rows are then not needed.

    \b
    clickprompt data describe recipes/movielens-100k/quickstart.yaml
    clickprompt data describe mine.yaml --prepared /data/prepared --html data.html
    """
    with run_settings(recipe, with_bad_rows(set_, on_bad_row), out, prepared) as (settings, folder, progress):
        from clickprompt.settings import ClickPromptError
        from clickprompt.workflows.describe import describe as workflow
        from clickprompt.workflows.describe import print_description, write_json, write_page

        for option, path in (("--html", html), ("--json", json)):
            if path is not None and path.is_dir():
                raise ClickPromptError(f"{option} {path}: this is a folder; name a file")
        described = workflow(settings, folder.prepared, progress)
        for path, write in ((html, write_page), (json, write_json)):
            if path is not None:
                write(path, described)
    print_description(described)
    for path in (html, json):
        if path is not None:
            typer.echo(f"written: {path}")


@data.command(short_help="Compare counts with the published ones.")
def verify(
    recipe: RecipePath,
    set_: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to count in.  [default: runs/<recipe's folder>/verified]"),
    ] = None,
    prepared: Prepared = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write it as JSON, too.")] = None,
    on_bad_row: OnBadRow = None,
) -> None:
    """Tell whether the files at hand give the rows, features and values a field that a paper printed.

    Counts values of all rows and of metadata files, as papers do (data.fit_on: catalogue), in a prepared folder apart
    from that of training.

    Exit status 0: all published counts agree, or the public files are known to give others; 1: some do not; 2: an
    error.

    \b
    clickprompt data verify recipes/movielens-1m/clickprompt.yaml --set data.source.path=./ml-1m
    """
    out = out or Path("runs") / recipe.parent.name / "verified"
    with run_settings(recipe, with_bad_rows(set_, on_bad_row), out, prepared) as (settings, folder, progress):
        from clickprompt.workflows.verify import print_verification
        from clickprompt.workflows.verify import verify as workflow

        found = workflow(settings, folder.prepared, progress)
        if json is not None:
            found.write_json(json)
    print_verification(found)
    if not found.passed:
        raise typer.Exit(1)
