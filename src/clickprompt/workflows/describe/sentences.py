"""How long sentences are, and what they say."""

from __future__ import annotations

import numpy as np

from clickprompt.batches import Sentences
from clickprompt.contracts import SplitName
from clickprompt.table import PreparedTable
from clickprompt.text import sentence_of
from clickprompt.workflows.describe.description import Example, Lengths
from clickprompt.workflows.describe.value_counts import Counts

QUANTILES = (0.5, 0.9, 0.99, 1.0)


def describe_lengths(language_model: str, max_length: int, counts: dict[SplitName, Counts]) -> Lengths:
    """From the rows of each split with 0, 1, 2, … tokens; the quantile q is the least length with a share of at least
    q of all rows at or below it."""
    total: Counts = np.sum(list(counts.values()), axis=0)
    below, rows = np.cumsum(total), int(total.sum())
    return Lengths(
        language_model=language_model,
        max_length=max_length,
        mean=float((total * np.arange(len(total))).sum() / rows),
        quantiles={str(share): int(np.searchsorted(below, share * rows)) for share in QUANTILES},
        cut={name: float(of[max_length + 1 :].sum() / of.sum()) for name, of in counts.items()},
        counts=tuple(total.tolist()),
    )


def examples(table: PreparedTable, sentences: Sentences | None) -> tuple[Example, ...]:
    """The first, the middle and the last training row, as a language model would read them uncut."""
    split = table.split("train")
    places = sorted({0, len(split) // 2, len(split) - 1})
    rows = np.asarray(split.value_ids[places])
    lengths = [None] * len(rows) if sentences is None else sentences.lengths(rows).tolist()
    spoken = rows if sentences is None or sentences.permutation is None else sentences.permutation[rows]
    texts = table.value_texts[0]
    return tuple(
        Example(sentence_of(texts.take(row).to_pylist(), table.schema), int(split.labels[place]), length)
        for place, row, length in zip(places, spoken, lengths, strict=True)
    )
