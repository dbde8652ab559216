"""What a command says when it cannot go on."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def errors() -> Iterator[None]:
    """What the user can mend: one line on standard error, exit status 2."""
    from clickprompt.settings import OUT_OF_MEMORY, ClickPromptError, is_out_of_memory

    try:
        yield
    except ClickPromptError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except OSError as error:
        from clickprompt.storage import disk_error

        print(f"error: {disk_error(error, Path(error.filename or '.'))}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt as stopped:
        raise typer.Exit(128 + getattr(stopped, "signal_number", 2)) from None
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"error: {OUT_OF_MEMORY}", file=sys.stderr)
        raise typer.Exit(2) from None
