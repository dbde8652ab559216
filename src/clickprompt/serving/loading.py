"""A bundle on disk becomes a version that answers, once it has shown that it can."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from clickprompt.bundle import read_bundle_manifest, reads_words
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.graph_cache import GRAPH, GraphCache, changed, fingerprint_of
from clickprompt.serving.id_scorer import IdScorer
from clickprompt.serving.scorer import Scorer
from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.version_folders import VersionFolder
from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary

_EXAMPLES = 4


def load_version(
    folder: VersionFolder, config: ServingConfig, cache: GraphCache, *, behind: bool = False
) -> ServedModel:
    """Load a version, `behind` others that are being served, and let it score example rows.

    Raises ClickPromptError where it cannot, or gives no sense.
    """
    started = time.perf_counter()
    bundle = folder.path
    fingerprint = fingerprint_of(bundle)
    manifest = read_bundle_manifest(bundle, check_files=False)  # the cache checks the files
    entry = cache.entry(bundle, behind=behind)
    scorer: Scorer
    if reads_words(manifest):
        from clickprompt.serving.word_scorer import WordScorer  # loads PyTorch

        scorer = WordScorer(bundle, config.precision, vocabulary=entry)
    else:
        scorer = IdScorer(Vocabulary.load(entry), entry / GRAPH)
    check(scorer, str(bundle))
    if fingerprint_of(bundle) != fingerprint:
        raise changed(bundle)
    seconds = time.perf_counter() - started
    return ServedModel(folder.name, folder.version, scorer, bundle, manifest, fingerprint, seconds)


def check(scorer: Scorer, where: str) -> None:
    """Score rows of known values, and one without any, twice. Raises ClickPromptError unless all are probabilities and
    the same both times."""
    rows = example_rows(scorer)
    first, second = (scorer.score([scorer.encode_rows(rows, {})])[0].probability for _ in range(2))
    if first.shape != (len(rows),) or not np.all((first >= 0) & (first <= 1)):
        raise ClickPromptError(
            f"{where}: scores {first.tolist()} for example rows; expected probabilities: train it again"
        )
    if not np.array_equal(first, second):
        raise ClickPromptError(f"{where}: scores the same rows as {first.tolist()}, then as {second.tolist()}")


def example_rows(scorer: Scorer) -> list[dict[str, Any]]:
    """A row of missing values, then rows of the most frequent ones."""
    known = scorer.examples(_EXAMPLES)
    lists = {field.name for field in scorer.schema.fields if field.kind == "list"}
    rows: list[dict[str, Any]] = [{}]
    for place in range(_EXAMPLES):
        row = {name: values[place % len(values)] for name, values in known.items() if values}
        rows.append({name: [value] if name in lists else value for name, value in row.items()})
    return rows
