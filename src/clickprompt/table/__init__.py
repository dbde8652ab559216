"""Raw rows → schema → split → vocabulary → prepared folder."""

from clickprompt.table.bad_rows import BadRows, left_out
from clickprompt.table.canonical import canonical_number, canonical_text
from clickprompt.table.config import DataConfig, SplitConfig
from clickprompt.table.fresh_rows import FreshRows, read_fresh_rows
from clickprompt.table.growth import Growth, grow
from clickprompt.table.members import PADDING, Members, padded
from clickprompt.table.prepare import find_prepared_table, prepare_table
from clickprompt.table.prepared import PreparedTable, Split
from clickprompt.table.recorded import inputs_fingerprint
from clickprompt.table.row_encoder import EncodedCells, RowEncoder
from clickprompt.table.score_as import score_text
from clickprompt.table.sources import SOURCES, FilesSource, MovieLens1MSource, MovieLens100KSource, read_rows
from clickprompt.table.vocabulary import EncodedRows, Vocabulary

__all__ = [
    "PADDING",
    "SOURCES",
    "BadRows",
    "DataConfig",
    "EncodedCells",
    "EncodedRows",
    "FilesSource",
    "FreshRows",
    "Growth",
    "Members",
    "MovieLens1MSource",
    "MovieLens100KSource",
    "PreparedTable",
    "RowEncoder",
    "Split",
    "SplitConfig",
    "Vocabulary",
    "canonical_number",
    "canonical_text",
    "find_prepared_table",
    "grow",
    "inputs_fingerprint",
    "left_out",
    "padded",
    "prepare_table",
    "read_fresh_rows",
    "read_rows",
    "score_text",
]
