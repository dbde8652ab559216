"""What torch.compile says when it fails, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from clickprompt.settings import ClickPromptError, first_line


@contextmanager
def compilation_for(setting: str) -> Iterator[None]:
    """Whatever fails within the block is told as the setting's failure to compile; a lack of memory stays itself."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise ClickPromptError(
            f"{setting}: torch.compile failed ({first_line(error)}); leave it out, or install a compiler"
        ) from error
