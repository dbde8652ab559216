"""Raw rows as the inputs of an exported model that reads words: embedding rows, and sentences padded to one length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from clickprompt.batches import side_columns
from clickprompt.bundle.format import Bundle
from clickprompt.bundle.raw_rows import check_reads_new_rows, columns_of, places_of, sentences_of
from clickprompt.settings import ClickPromptError
from clickprompt.table import padded

Inputs = dict[str, np.ndarray]
_NO_ITEM = -1


def token_inputs(bundle: Bundle, rows: Any) -> Inputs:
    """Inputs of the graph that `clickprompt export` makes of a bundle, in the order of the rows.

    `feature_ids` int64 (rows, fields) and, for the list field at place p, `items_{p}` int64 (rows, most items) padded
    with −1, where there is an ID model; `input_ids` and `attention_mask` int64 (rows, tokens), for a model that reads
    users and items apart with `user_` and `item_` before them. All rows are padded to the longest.
    `rows`: whatever `Predictor.predict` takes. Raises ClickPromptError for a bundle that reads no sentences, and as
    `predict` does.
    """
    ((_, inputs),) = token_batches(bundle, rows, at_once=None)
    return inputs


def token_batches(bundle: Bundle, rows: Any, at_once: int | None = 64) -> Iterator[tuple[np.ndarray, Inputs]]:
    """As `token_inputs`, `at_once` rows a time: which rows, int64 (some,), and their inputs, until each has come once.

    Shorter sentences come first, so that little is padded. None: all rows together, in their own order.
    """
    check_reads_new_rows(bundle)
    if bundle.reads not in ("sentence", "sides"):
        raise ClickPromptError(f"{bundle.folder}: the model reads no sentences, so there are no tokens to make")
    reader = _Reader(bundle, rows)
    if at_once is None:
        every = np.arange(reader.rows)
        yield every, reader.inputs(every)
        return
    order = np.argsort(reader.lengths(), kind="stable")
    for start in range(0, len(order), at_once):
        some = order[start : start + at_once]
        yield some, reader.inputs(some)


class _Reader:
    """Rows looked up and tokenized once, laid out in any order."""

    def __init__(self, bundle: Bundle, rows: Any) -> None:
        schema = bundle.vocabulary.schema
        encoded = bundle.vocabulary.encode(columns_of(rows, schema.names))
        assert bundle.tokenizer is not None
        self.encoded, self.pad_id = encoded, bundle.tokenizer.pad_id
        self.rows = len(encoded.feature_ids)
        self.has_ids = bundle.method.ctr is not None
        self.sentences = sentences_of(bundle, encoded)
        places = places_of(encoded)
        self.texts = {"": places}
        if bundle.reads == "sides":
            self.texts = {
                f"{side}_": places[:, of] for side, of in zip(("user", "item"), side_columns(schema), strict=True)
            }

    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 (rows,)."""
        return np.sum([self.sentences.lengths(places) for places in self.texts.values()], axis=0)

    def inputs(self, rows: np.ndarray) -> Inputs:
        """Of these rows, in this order."""
        inputs = {}
        if self.has_ids:
            inputs["feature_ids"] = self.encoded.feature_ids[rows].astype(np.int64)
            for place, lists in sorted(self.encoded.members.items()):
                of_rows = lists.take(self.encoded.text_codes[rows, place])
                inputs[f"items_{place}"] = padded(of_rows.rows, of_rows.lengths, _NO_ITEM)
        for side, places in self.texts.items():
            ids, lengths = self.sentences.lay_out(places[rows])
            inputs[f"{side}input_ids"] = padded(ids, lengths, self.pad_id)
            inputs[f"{side}attention_mask"] = padded(np.ones_like(ids), lengths, 0)
        return inputs
