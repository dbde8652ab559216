"""Exporting without the exporters' own chatter: what they warn of goes to the log, at debug level."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

logger = logging.getLogger("clickprompt")

_CHATTY = ("torch.onnx", "torch.export", "torch._export", "torch._inductor", "onnxscript", "onnx_ir")


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Keep warnings, prints and log lines of torch's exporters off the terminal; levels are given back as they were."""
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    printed = io.StringIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for name in _CHATTY:
                logging.getLogger(name).setLevel(logging.CRITICAL)
            with redirect_stdout(printed):
                yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
    for text in (*(str(warning.message) for warning in caught), *printed.getvalue().splitlines()):
        logger.debug("export: %s", text)
