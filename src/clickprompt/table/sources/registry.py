"""The sources by name. A new source is one file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Setting

from clickprompt.table.sources.amazon import AmazonSource
from clickprompt.table.sources.base import SourceConfig
from clickprompt.table.sources.bookcrossing import BookCrossingSource
from clickprompt.table.sources.files import FilesSource
from clickprompt.table.sources.goodreads import GoodReadsSource
from clickprompt.table.sources.movielens_1m import MovieLens1MSource
from clickprompt.table.sources.movielens_100k import MovieLens100KSource

AnySource = Annotated[
    MovieLens100KSource | MovieLens1MSource | BookCrossingSource | AmazonSource | GoodReadsSource | FilesSource,
    Setting(discriminator="kind"),
]
"""The settings of any source; `kind` picks the class."""

SOURCES: dict[str, type[SourceConfig]] = {
    str(config.model_fields["kind"].default): config
    for config in (
        MovieLens100KSource,
        MovieLens1MSource,
        BookCrossingSource,
        AmazonSource,
        GoodReadsSource,
        FilesSource,
    )
}
"""Settings class of each source by its `kind`; the first line of its docstring describes it."""
