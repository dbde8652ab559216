"""Raw rows on their way to a model: columns out of any shape, values counted, sentences laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clickprompt.batches import Sentences
from clickprompt.bundle.format import Bundle
from clickprompt.settings import ClickPromptError
from clickprompt.table import EncodedRows
from clickprompt.text import TokenStore


def check_reads_new_rows(bundle: Bundle) -> None:
    """Raises ClickPromptError for a control that can read no rows but those of its own table."""
    if bundle.language is not None and bundle.language.permute_values is not None:
        raise ClickPromptError(
            f"{bundle.folder}: trained with permuted words (language_model.permute_values), a control that cannot "
            "score new rows"
        )


def sentences_of(bundle: Bundle, encoded: EncodedRows) -> Sentences:
    """Sentences of the rows, each distinct value tokenized once; values are numbered as by `places_of`."""
    assert bundle.tokenizer is not None
    assert bundle.language is not None
    sizes = [len(texts) for texts in encoded.texts]
    fields = np.repeat(np.arange(len(sizes)), sizes)
    texts = [text for some in encoded.texts for text in some]
    store = TokenStore.from_texts(
        texts, fields, bundle.vocabulary.schema, bundle.tokenizer, bundle.language.max_value_tokens
    )
    return Sentences(store, bundle.tokenizer, bundle.language.max_length)


def places_of(encoded: EncodedRows) -> np.ndarray:
    """Each row's values, int64 (rows, fields), counted over the distinct texts of all fields, field after field."""
    starts = np.cumsum([0, *(len(texts) for texts in encoded.texts)])
    return encoded.text_codes + starts[:-1]


def columns_of(rows: Any, names: Sequence[str]) -> dict[str, Any]:
    """The model's columns out of whatever shape the rows came in."""
    if isinstance(rows, Mapping):
        for name in names:
            if name in rows and (isinstance(rows[name], str | bytes) or not hasattr(rows[name], "__len__")):
                raise ClickPromptError(
                    f"rows: {name!r} holds one value; give a list of dicts, or columns of equal length"
                )
        return {name: rows[name] for name in names if name in rows}
    if hasattr(rows, "collect"):  # polars.LazyFrame
        rows = rows.collect()
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise ClickPromptError(
                    f"row {number + 1}: expected a dict of column to value, not {type(row).__name__}"
                )
        given = [name for name in names if any(name in row for row in rows)] if rows else list(names)
        return {name: [row.get(name) for row in rows] for name in given}
    if hasattr(rows, "column_names"):  # pyarrow.Table
        return {name: rows.column(name) for name in names if name in rows.column_names}
    if hasattr(rows, "columns"):  # polars, pandas
        repeated = [name for name in names if list(rows.columns).count(name) > 1]
        if repeated:
            raise ClickPromptError(f"rows: column {repeated[0]!r} is there twice")
        return {name: rows[name] for name in names if name in rows.columns}
    raise ClickPromptError(f"rows: expected a frame, a list of dicts or a dict of columns, not {type(rows).__name__}")
