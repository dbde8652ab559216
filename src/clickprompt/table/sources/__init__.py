"""Where rows come from: one reader a data set."""

from clickprompt.table.sources.amazon import AmazonSource
from clickprompt.table.sources.base import SourceConfig
from clickprompt.table.sources.bookcrossing import BookCrossingSource
from clickprompt.table.sources.files import FilesSource
from clickprompt.table.sources.formats import read_rows
from clickprompt.table.sources.goodreads import GoodReadsSource
from clickprompt.table.sources.movielens_1m import MovieLens1MSource
from clickprompt.table.sources.movielens_100k import MovieLens100KSource
from clickprompt.table.sources.registry import SOURCES, AnySource

__all__ = [
    "SOURCES",
    "AmazonSource",
    "AnySource",
    "BookCrossingSource",
    "FilesSource",
    "GoodReadsSource",
    "MovieLens1MSource",
    "MovieLens100KSource",
    "SourceConfig",
    "read_rows",
]
