"""Values that a model knows, for people who try it."""

from __future__ import annotations

from typing import Any

import numpy as np

from clickprompt.contracts import MISSING
from clickprompt.table import Vocabulary


def examples_of(vocabulary: Vocabulary, most: int) -> dict[str, list[Any]]:
    """By field that takes input, up to `most` values, the most frequent in training first: texts, of list fields items;
    of a numeric field the upper edges of its buckets, which are numbers that training rows hold. Of a hashed field none
    is known."""
    offsets = vocabulary.statistics.offsets.tolist()
    examples: dict[str, list[Any]] = {}
    for field, start, stop in zip(vocabulary.schema.fields, offsets, offsets[1:], strict=False):
        if field.score_as is not None:
            continue
        if field.kind == "numeric":
            examples[field.name] = _numbers(vocabulary, field.name, most)
        elif field.hash_rows is None:
            texts = vocabulary.texts.slice(start, min(stop - start, most + 1)).to_pylist()
            examples[field.name] = [text for text in texts if text != MISSING][:most]
        else:
            examples[field.name] = []
    return examples


def _numbers(vocabulary: Vocabulary, name: str, most: int) -> list[int | float]:
    buckets, counts = vocabulary.buckets[name], vocabulary.statistics.counts
    with_edge = buckets.rows[: len(buckets.edges)]
    owned = np.flatnonzero(with_edge < len(counts))
    frequent = owned[np.argsort(-counts[with_edge[owned]], kind="stable")][:most]
    return [int(edge) if edge.is_integer() else edge for edge in buckets.edges[frequent].tolist()]
