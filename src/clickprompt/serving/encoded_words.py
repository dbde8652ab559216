"""Rows of requests as texts and embedding rows, put together and cut for a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clickprompt.contracts import MISSING
from clickprompt.table import EncodedRows
from clickprompt.table.members import Members, offsets_of


@dataclass(frozen=True)
class EncodedWords:
    """What a predictor takes."""

    encoded: EncodedRows

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.encoded.feature_ids)

    def part(self, start: int, stop: int) -> EncodedWords:
        """Some of the rows, with the texts that they hold."""
        of = self.encoded
        codes = of.text_codes[start:stop].copy()
        texts, members = [], dict(of.members)
        for place, all_texts in enumerate(of.texts):
            held, codes[:, place] = np.unique(codes[:, place], return_inverse=True)
            texts.append([all_texts[code] for code in held])
            if place in members:
                members[place] = members[place].take(held)
        unseen = {} if start else of.unseen
        return EncodedWords(EncodedRows(of.feature_ids[start:stop], codes, texts, unseen, of.missing_columns, members))


def together(requests: Sequence[EncodedRows]) -> EncodedRows:
    """Rows of several requests, one after another; what was unseen in them is not added up."""
    if len(requests) == 1:
        return requests[0]
    first = requests[0]
    sizes = np.array([[len(texts) for texts in request.texts] for request in requests])
    before = np.cumsum(sizes, axis=0) - sizes
    codes = [request.text_codes + some for request, some in zip(requests, before, strict=True)]
    return EncodedRows(
        np.concatenate([request.feature_ids for request in requests]),
        np.concatenate(codes).astype(np.int32),
        [[text for texts in of_field for text in texts] for of_field in zip(*(r.texts for r in requests), strict=True)],
        {},
        (),
        {place: _end_to_end([request.members[place] for request in requests]) for place in first.members},
    )


def with_each_unseen(row: EncodedRows, fields: Sequence[int], outside: int) -> EncodedRows:
    """One row, then for each of the fields the same row with that field's out-of-vocabulary row, `outside` + its place,
    and the text "unknown"."""
    ids = np.repeat(row.feature_ids, len(fields) + 1, axis=0)
    codes = np.repeat(row.text_codes, len(fields) + 1, axis=0)
    texts, members = list(row.texts), dict(row.members)
    for number, place in enumerate(fields, start=1):
        ids[number, place] = outside + place
        codes[number, place] = len(texts[place])
        texts[place] = [*texts[place], MISSING]
        if place in members:
            unseen = Members(np.array([0, 1]), np.array([outside + place], np.int32))
            members[place] = _end_to_end([members[place], unseen])
    return replace(row, feature_ids=ids, text_codes=codes, texts=texts, members=members)


def _end_to_end(parts: Sequence[Members]) -> Members:
    lengths = np.concatenate([part.lengths for part in parts])
    return Members(offsets_of(lengths), np.concatenate([part.rows for part in parts]))
