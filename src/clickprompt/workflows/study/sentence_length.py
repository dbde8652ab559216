"""How many tokens the sentences of a table have, before any of them is prepared."""

from __future__ import annotations

import numpy as np

from clickprompt.batches import Sentences
from clickprompt.language import find_source, is_local
from clickprompt.table import PreparedTable
from clickprompt.text import TokenStore
from clickprompt.workflows.data import tokenizer_of
from clickprompt.workflows.recipe import Recipe

_ROWS = 500


def tokens_a_row(recipe: Recipe, table: PreparedTable) -> float | None:
    """Mean over the first training rows; None where the tokenizer is not on this machine, or no words are read.

    Raises ClickPromptError as `prepare` does for the tokenizer and for `max_length`.
    """
    language = recipe.language_model
    if language is None or not is_local(find_source(language.name, language.revision)):
        return None
    tokenizer = tokenizer_of(recipe)
    if tokenizer is None:
        return None
    rows = table.split("train").value_ids[:_ROWS]
    used, places = np.unique(rows, return_inverse=True)
    texts, fields = table.value_texts
    store = TokenStore.from_texts(
        texts.take(used).to_pylist(), fields[used], table.schema, tokenizer, language.max_value_tokens
    )
    return float(Sentences(store, tokenizer, language.max_length).lengths(places.reshape(rows.shape)).mean())
