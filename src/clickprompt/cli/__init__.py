"""The command line: a thin shell over the workflows. `--help` loads none of them."""

from clickprompt.cli.commands import app, main

__all__ = ["app", "main"]
