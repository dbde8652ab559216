"""How the report writes numbers."""

from __future__ import annotations

from collections.abc import Callable

NONE = "–"


def count(value: float | None) -> str:
    """1234567 → 1,234,567"""
    return NONE if value is None else f"{value:,.0f}"


def fixed(value: float | None, digits: int = 4) -> str:
    """0.84561 → 0.8456"""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """0.5501 → 55.0 %"""
    return NONE if value is None else f"{100 * value:.{digits}f} %".replace("-", "−")


def signed(value: float | None, digits: int = 4) -> str:
    """0.0012 → +0.0012"""
    return NONE if value is None else f"{value:+.{digits}f}".replace("-", "−")


def signed_percent(value: float | None, digits: int = 2) -> str:
    """0.0043 → +0.43 %"""
    return NONE if value is None else f"{100 * value:+.{digits}f} %".replace("-", "−")


def p_value(value: float | None) -> str:
    """Three decimals, and "< 0.001" below what they show."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def size(value: float | None) -> str:
    """Bytes in decimal units: 1234567 → 1.2 MB"""
    if value is None:
        return NONE
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def duration(value: float | None) -> str:
    """Seconds: 12.3 → 12.3 s, 754 → 12 min 34 s, 7300 → 2 h 1 min"""
    if value is None:
        return NONE
    if value < 59.95:
        return f"{value:.1f} s"
    seconds = round(value)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


FORMATS: dict[str, Callable[..., str]] = {
    function.__name__: function for function in (count, fixed, percent, signed, signed_percent, p_value, size, duration)
}
