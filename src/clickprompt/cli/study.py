"""`clickprompt study`: a grid of runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.errors import errors
from clickprompt.cli.recipe_runs import progress_bars


def study(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="YAML file that describes the grid.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done and how long it takes.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="KEY=VALUE",
            help="Run a part: data_set, method, ctr_model, language_model or seed. Repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of runs, which studies share.", show_default=True)
    ] = Path("runs/studies"),
) -> None:
    """Run data sets × methods × models × seeds; write results.parquet and tables. What is done is passed over."""
    with errors():
        from clickprompt.training import signals_stop_training
        from clickprompt.workflows.study import print_plan, run_study

        if dry_run:
            print_plan(study, out, only or [])
            return
        with signals_stop_training(), progress_bars() as progress:
            try:
                folder, failures = run_study(study, out, progress, only or [])
            except KeyboardInterrupt:
                progress.say("stopped; finished steps are kept: run the same command again to go on")
                raise
    typer.echo(f"tables: {folder / 'tables.md'}\nresults: {folder / 'results.parquet'}")
    if failures:
        print(f"error: {failures} trials or cells failed; results.parquet says why", file=sys.stderr)
        raise typer.Exit(2)
