"""`clickprompt update`: new rows, a new version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.errors import errors
from clickprompt.cli.recipe_runs import progress_bars


def update(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|BUNDLE", help="Folder of a model's versions, or a bundle with --out.")
    ],
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="ROWS...", help="New rows: files, or patterns such as 'day-*.csv'.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the versions of a bundle that stands alone.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the new rows.", show_default=True)] = 1,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the ID model.  [default: as the bundle was trained]")
    ] = None,
    holdout: Annotated[
        float, typer.Option(help="Share of the rows, the newest, that the gate judges by.", show_default=True)
    ] = 0.1,
    drop_unseen: Annotated[
        int | None, typer.Option(metavar="N", help="Drop values that N updates in a row have not seen.")
    ] = None,
    new_rows: Annotated[
        str, typer.Option(help="What new values' embedding rows start from: mean or oov.", show_default=True)
    ] = "mean",
    gate: Annotated[
        list[str] | None,
        typer.Option(
            "--gate",
            metavar="KEY=VALUE",
            help="min_rows, min_of_each, max_auc_drop, max_log_loss_rise, max_calibration_error or max_oov_rise. "
            "Repeatable.",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of the label.  [default: as in the bundle's recipe]")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Labels of at least this are clicks.  [likewise]")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of sample weights.  [likewise]")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Column that orders the rows in time.  [likewise]")] = None,
    on_bad_row: Annotated[
        str | None,
        typer.Option(help="error, skip or quarantine: what becomes of rows that cannot be used.  [likewise]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish where too few rows are held out to judge; learn rows again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be learned; change nothing.")] = False,
    check_resources: Annotated[
        bool, typer.Option(help="Refuse what surely does not fit into memory or onto the disk.")
    ] = True,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Publish the version that the newest was made of once more.")
    ] = False,
) -> None:
    """Train a model's newest version on new rows; publish the result as its next version if it passes a gate.

    Exit status 0: published, or already done; 3: it did not pass, and the newest version stays; 2: an error.
    """
    with errors():
        from clickprompt.settings import ClickPromptError
        from clickprompt.training import signals_stop_training
        from clickprompt.workflows import update as workflow

        if rollback:
            if rows:
                raise ClickPromptError("--rollback reads no rows; leave them out")
            version, before = workflow.rollback(model)
            typer.echo(f"rolled back: {model / str(version)} is version {before} again")
            return
        if not rows:
            raise ClickPromptError("ROWS: name the files of new rows, or say --rollback")
        settings = workflow.update_config(
            gate or [], epochs, learning_rate, holdout, drop_unseen, new_rows, check_resources
        )
        columns = workflow.rows_config(label, threshold, weight, timestamp, on_bad_row)
        with signals_stop_training(), progress_bars() as progress:
            done = workflow.update(model, rows, settings, out, columns, progress, force=force, dry_run=dry_run)
        typer.echo(workflow.update_report(done))
    if done.kept is not None:
        raise typer.Exit(3)
