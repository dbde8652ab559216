"""Passwords and tokens that paths, addresses and messages may hold, struck out before they are shown or written."""

from __future__ import annotations

import re
from typing import Any

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s\"']+(?=@)"), "***"),  # https://name:password@host
    (
        re.compile(r"(?i)(?<=[?&;])([\w.-]*(?:token|secret|signature|password|credential|api_?key|sig)=)[^&\s\"']+"),
        r"\1***",
    ),
    (re.compile(r"\bhf_[A-Za-z0-9]{16,}"), "hf_***"),  # a token of the Hugging Face Hub
)


def masked(text: str) -> str:
    """The text with every password and token in it replaced by ***."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def masked_values(value: Any) -> Any:
    """Plain JSON values with every text in them masked; keys stay."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: masked_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(inner) for inner in value]
    return value
