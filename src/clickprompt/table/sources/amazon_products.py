"""The products that Amazon's metadata lists: category, title and brand, cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.entities import unescaped, without_entities
from clickprompt.table.sources.json_pieces import json_pieces

if TYPE_CHECKING:
    import polars as pl

_SCRIPT = "getTime"
"""In titles that hold the page's script instead; the authors' page says to drop their lines."""


def read_products(file: InputFile, bad: BadRows, *, all_categories: bool) -> pl.DataFrame:
    """Item ID, Category, Title and Brand of each product, the first line of several; a row each, in order.

    Category is the last one of its path, or the list of them. Items of a path from the first with an HTML tag on are
    no categories but lines of the page that were caught with them. Raises ClickPromptError as `json_pieces` does.
    """
    import polars as pl

    types: dict[str, pl.DataType | type[pl.DataType]] = {
        "asin": pl.String,
        "category": pl.List(pl.String),
        "title": pl.String,
        "brand": pl.String,
    }
    tag = pl.element().str.contains("<", literal=True).fill_null(False)
    found = [pl.DataFrame(schema=types)]
    for frame, _ in json_pieces(file, types, bad):
        kept = frame.filter(~pl.col("title").str.contains(_SCRIPT, literal=True).fill_null(False))
        found.append(kept.with_columns(pl.col("category").list.eval(pl.element().filter(tag.cum_sum() == 0))))
    products = pl.concat(found).unique("asin", keep="first", maintain_order=True)
    products.columns = ["Item ID", "Category", "Title", "Brand"]
    odd = unescaped(products["Category"].list.explode(keep_nulls=False, empty_as_null=False))
    path = pl.col("Category").list.eval(_one_line(pl.element().replace(*odd)))
    return products.with_columns(
        path if all_categories else path.list.last(),
        *(_one_line(pl.lit(without_entities(products[name]))).alias(name) for name in ("Title", "Brand")),
    )


def _one_line(texts: pl.Expr) -> pl.Expr:
    return texts.str.replace_all(r"\s+", " ").str.strip_chars()
