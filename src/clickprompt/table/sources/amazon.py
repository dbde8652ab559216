"""Amazon review data of 2018 (Ni et al., EMNLP'19), 5-core, in the official gzipped JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator

from clickprompt.contracts import Field, Progress, TableSchema
from clickprompt.settings import ClickPromptError, did_you_mean
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import Provenance, RawTable
from clickprompt.table.sources.amazon_products import read_products
from clickprompt.table.sources.base import PublishedCounts
from clickprompt.table.sources.json_pieces import json_pieces
from clickprompt.table.sources.published_counts import AMAZON_TOYS
from clickprompt.table.sources.release import GzippedRelease

if TYPE_CHECKING:
    import polars as pl

URL = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_v2"
"""Where the authors' page, https://nijianmo.github.io/amazon/, has moved its files to."""

CATEGORIES = (
    *("AMAZON_FASHION", "All_Beauty", "Appliances", "Arts_Crafts_and_Sewing", "Automotive", "Books", "CDs_and_Vinyl"),
    *("Cell_Phones_and_Accessories", "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Gift_Cards"),
    *("Grocery_and_Gourmet_Food", "Home_and_Kitchen", "Industrial_and_Scientific", "Kindle_Store", "Luxury_Beauty"),
    *("Magazine_Subscriptions", "Movies_and_TV", "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden"),
    *("Pet_Supplies", "Prime_Pantry", "Software", "Sports_and_Outdoors", "Tools_and_Home_Improvement"),
    *("Toys_and_Games", "Video_Games"),
)
"""As the files are named."""

FIELDS = (
    Field(name="User ID", side="user"),
    Field(name="Item ID", side="item"),
    Field(name="Category", side="item"),
    Field(name="Title", kind="text", side="item"),
    Field(name="Brand", side="item"),
)
"""The fields of the ClickPrompt paper, in its order."""

POSITIVE = 4
"""Ratings of at least this are clicks."""


class AmazonSource(GzippedRelease):
    """Amazon reviews of 2018, 5-core, of one category; from a folder, the cache or the authors' server.

    Every review is a row, in order of its day. Of several metadata lines of one product the first counts; a review of
    a product without one has unknown properties, and so has one whose metadata title holds a script of the page
    ("getTime"), as the authors advise. Titles, brands and categories lose HTML entities and runs of blanks; empty ones
    are unknown. Reviews of one user that are equal in product, rating and day count as duplicates, whatever they say.
    """

    kind: Literal["amazon"] = "amazon"
    category: str = "Toys_and_Games"
    """Whose reviews, as the files are named."""
    categories: Literal["last", "all"] = "last"
    """Category is the last and narrowest of a product's path, for the first is the same in nearly all of a file; or
    the list of them all."""

    @field_validator("category")
    @classmethod
    def _category_is_known(cls, value: str) -> str:
        if value not in CATEGORIES:
            raise ValueError(f"no category of Amazon's reviews{did_you_mean(value, CATEGORIES)}")
        return value

    @property
    def schema_(self) -> TableSchema:
        """The fields; the category is a list where all are kept."""
        every = Field(name="Category", kind="list", side="item")
        fields = [every if self.categories == "all" and field.name == every.name else field for field in FIELDS]
        return TableSchema(fields=tuple(fields), group_field="User ID")

    @property
    def _cache_name(self) -> str:
        return f"amazon-2018-{self.category.lower().replace('_', '-')}"

    @property
    def _addresses(self) -> dict[str, str]:
        """Reviews and metadata: the address of each file by its name."""
        reviews, products = f"{self.category}_5.json.gz", f"meta_{self.category}.json.gz"
        return {reviews: f"{URL}/categoryFilesSmall/{reviews}", products: f"{URL}/metaFiles2/{products}"}

    @property
    def _part(self) -> tuple[str, str]:
        return "category", self.category

    def pieces(self, progress: Progress, bad: BadRows, types: dict[str, Any]) -> Iterator[RawTable]:
        """Reviews joined with their products, a row each."""
        reviews, metadata = self.inputs()
        products = read_products(metadata, bad, all_categories=self.categories == "all")
        empty = True
        for frame, numbers in json_pieces(reviews, _review_types(), bad):
            empty = False
            joined = frame.rename(_COLUMNS).join(products, on="Item ID", how="left", maintain_order="left")
            yield RawTable(
                frame=joined.select(*(field.name for field in FIELDS), "rating", "timestamp"),
                schema=self.schema_,
                provenance=Provenance((reviews.name,), (joined.height,), numbers),
                label="rating",
                threshold=POSITIVE,
                timestamp="timestamp",
            )
        if empty:
            raise ClickPromptError(f"{reviews.name}: no review is in it")

    def published(self) -> PublishedCounts | None:
        """What the ClickPrompt paper printed, of toys and games."""
        return AMAZON_TOYS if self.category == "Toys_and_Games" and self.categories == "last" else None


_COLUMNS = {"reviewerID": "User ID", "asin": "Item ID", "overall": "rating", "unixReviewTime": "timestamp"}


def _review_types() -> dict[str, type[pl.DataType]]:
    import polars as pl

    return {"reviewerID": pl.String, "asin": pl.String, "overall": pl.Float64, "unixReviewTime": pl.Int64}
