"""`clickprompt show` and `clickprompt list`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.errors import errors
from clickprompt.cli.options import Settings


def show(
    what: Annotated[Path, typer.Argument(metavar="BUNDLE|RECIPE|PREPARED", help="What to describe.")],
    set_: Settings = None,
) -> None:
    """Describe a bundle, a recipe with all its defaults, or a prepared folder."""
    with errors():
        from clickprompt.workflows.show import show as workflow

        typer.echo(workflow(what, set_ or []), nl=False)


def list_(
    what: Annotated[
        str, typer.Argument(metavar="ctr-models|methods|sources|language-models|tunings", help="What to name.")
    ],
) -> None:
    """Name what a recipe can choose from."""
    with errors():
        from clickprompt.workflows.show import listing

        typer.echo(listing(what), nl=False)
