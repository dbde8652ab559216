"""Texts of the data as they can be shown: on one line, none too long, nothing in them that steers a terminal."""

from __future__ import annotations

MOST_LETTERS = 60


def shown(text: str, most: int = MOST_LETTERS) -> str:
    """At most so many letters; what cannot be printed becomes �."""
    text = "".join(letter if letter.isprintable() else "�" for letter in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"


def number(value: float) -> str:
    """12.0 → 12; six digits at most, but whole numbers in full."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.6g}"
