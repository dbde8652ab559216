"""The table of commands. `--help` loads none of the workflows behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from clickprompt.cli.data import data
from clickprompt.cli.export import export
from clickprompt.cli.predict import predict
from clickprompt.cli.serve import serve
from clickprompt.cli.show import list_, show
from clickprompt.cli.steps import evaluate, finetune, prepare, pretrain, run
from clickprompt.cli.study import study
from clickprompt.cli.update import update

COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("prepare", prepare, "Read, split, number and tokenize raw rows."),
    ("pretrain", pretrain, "PA-MLM: teach the ID model what the words mean."),
    ("finetune", finetune, "Train each model on clicks and save its bundle."),
    ("evaluate", evaluate, "Score the test rows; write metrics and report."),
    ("run", run, "All of it, passing over what is already done."),
    ("study", study, "Run a grid of models and data sets; write its tables."),
    ("predict", predict, "Score raw rows with a bundle."),
    ("update", update, "Train a bundle on new rows; publish it if it passes."),
    ("export", export, "Write a bundle as ONNX, torch program or Triton repository."),
    ("serve", serve, "Answer scoring requests over HTTP."),
    ("show", show, "Describe a bundle, recipe or prepared folder."),
    ("list", list_, "Name what a recipe can choose from."),
)
"""Name, function and the line in the list of commands, in the order of that list."""

app = typer.Typer(
    help="Click-through-rate models that understand words.\n\n"
    "Start with:  clickprompt run recipes/movielens-100k/quickstart.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

for _name, _function, _line in COMMANDS:
    app.command(_name, short_help=_line)(_function)
app.add_typer(data, name="data", short_help="Describe a recipe's data, or verify them.")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        from clickprompt import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the `clickprompt` command."""
    app()
