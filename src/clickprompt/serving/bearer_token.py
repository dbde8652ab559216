"""The bearer token: from a file or the environment, never from the command line, which others can read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from clickprompt.settings import ClickPromptError

VARIABLE = "CLICKPROMPT_TOKEN"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def read_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token in `file`, else that of the variable CLICKPROMPT_TOKEN, else None.

    Raises ClickPromptError for a file that cannot be read, and for what cannot be a bearer token (RFC 6750).
    """
    if file is None:
        token, where = environment.get(VARIABLE), VARIABLE
        if token is None:
            return None
    else:
        where = str(file)
        try:
            token = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ClickPromptError(f"{file}: the token cannot be read: {getattr(error, 'strerror', error)}") from None
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise ClickPromptError(f"{where}: a token has letters, digits and . _ ~ + / - only, without blanks")
    return token
