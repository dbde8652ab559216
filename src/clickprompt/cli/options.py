"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="YAML file that describes the run.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as pretrain.epochs=3. Repeatable."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder of the run.  [default: runs/<recipe's folder>/<its name>]"),
]
Prepared = Annotated[
    Path | None,
    typer.Option("--prepared", metavar="DIR", help="Prepared folder to make or reuse.  [default: <out>/prepared]"),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--no-resume", help="Go on from checkpoints that a stopped run has left in the folder, or start anew."
    ),
]
OnBadRow = Annotated[
    str | None,
    typer.Option(
        "--on-bad-row",
        metavar="error|skip|quarantine",
        help="What becomes of rows that cannot be used: an error, left out, or left out and put aside beside the "
        "prepared folder.  [default: the recipe's data.on_bad_row]",
    ),
]
