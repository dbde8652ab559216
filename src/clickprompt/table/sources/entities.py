"""HTML entities in texts that were cut out of web pages."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")


def without_entities(column: pl.Series) -> pl.Series:
    """Texts with `&amp;` and the like replaced by what they stand for, once; what lacks its semicolon stays."""
    return column.replace(*unescaped(column))


def unescaped(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The distinct texts that may hold entities, and each without."""
    import polars as pl

    odd = column.filter(column.str.contains("&[^&;]+;")).unique()
    plain = [_ENTITY.sub(lambda found: html.unescape(found[0]), text) for text in odd]
    return odd, pl.Series(plain, dtype=pl.String)
