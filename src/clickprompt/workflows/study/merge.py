"""Partial recipes laid one over another."""

from __future__ import annotations

from typing import Any

_IDENTITY = ("kind", "name")
"""Settings that say what a section is about: where they differ, nothing of the older section holds."""


def merged(first: dict[str, Any], *later: dict[str, Any]) -> dict[str, Any]:
    """Later settings over earlier ones, section by section; lists and sections of another kind or name replace."""
    result = dict(first)
    for change in later:
        for name, value in change.items():
            old = result.get(name)
            same = isinstance(old, dict) and isinstance(value, dict) and _same_thing(old, value)
            result[name] = merged(old or {}, value) if same else value
    return result


def unfolded(settings: dict[str, Any]) -> dict[str, Any]:
    """`{"finetune.epochs": 2}` as `{"finetune": {"epochs": 2}}`."""
    result: dict[str, Any] = {}
    for path, value in settings.items():
        for part in reversed(path.split(".")):
            value = {part: value}
        result = merged(result, value)
    return result


def _same_thing(old: Any, new: dict[str, Any]) -> bool:
    return all(key not in old or key not in new or old[key] == new[key] for key in _IDENTITY)
