"""JSON lines on standard error: one object a line, never a value of a field, never the token. Needs nothing slow."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

MORE = "more"
"""Name under which a log record carries more than its message: `extra={MORE: {…}}`."""


class JsonLines(logging.Formatter):
    """time, level, event, then what the record carries, then a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, MORE, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stderr(level: str) -> None:
    """Send what the server has to say, from `level` up, and errors of the HTTP library to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, least in (("clickprompt", level.upper()), ("uvicorn", "ERROR")):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(least)


def timestamp(seconds: float) -> str:
    """Unix time as UTC, ISO 8601 with milliseconds."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 1000):03d}Z"
