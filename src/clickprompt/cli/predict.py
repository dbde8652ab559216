"""`clickprompt predict`: rows in, probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.errors import errors
from clickprompt.cli.recipe_runs import progress_bars


def predict(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a trained model.")],
    rows: Annotated[Path, typer.Argument(metavar="ROWS", help="CSV, TSV, Parquet, Arrow or JSON-lines file.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Parquet or CSV.  [default: <ROWS>.scored.parquet]")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of a text file.", show_default=True)] = "utf-8",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", show_default=True)] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="auto, float32, bfloat16 (any model; slow where the device does not compute it natively) or int8 "
            "(models that read words, on CPUs).  auto: bfloat16 for models that read words where it is native, else "
            "float32.",
            show_default=True,
        ),
    ] = "auto",
) -> None:
    """Score raw rows: writes them with a column `probability` beside them."""
    with errors(), progress_bars() as progress:
        from clickprompt.workflows.predict import predict as workflow

        typer.echo(workflow(bundle, rows, out, encoding, device, progress, precision))
