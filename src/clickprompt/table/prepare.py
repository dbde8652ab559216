"""Raw rows → prepared folder, unless the folder already holds just that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.contracts import SPLITS, Progress, SplitName
from clickprompt.settings import ClickPromptError
from clickprompt.storage import checksums, fingerprint, new_folder, write_file, write_manifest
from clickprompt.table.bad_rows import BadRows, told
from clickprompt.table.config import DataConfig
from clickprompt.table.counting import class_counts, counted
from clickprompt.table.duplicates import repeated
from clickprompt.table.factors import Factors
from clickprompt.table.hints import data_hints
from clickprompt.table.over_time import over_time
from clickprompt.table.overlap import overlap
from clickprompt.table.prepared import FORMAT_VERSION, KIND, MANIFEST, PreparedTable
from clickprompt.table.recorded import (
    has_settings,
    inputs_fingerprint,
    made_from,
    recorded,
    settings_of,
    write_inputs,
)
from clickprompt.table.rows import Rows, read_rows
from clickprompt.table.score_as import score_values, with_score_texts
from clickprompt.table.scratch import AT_ONCE, Scratch, blocks, scratch_beside
from clickprompt.table.shuffled import shuffled_order
from clickprompt.table.sources.base import InputsNotFound
from clickprompt.table.split_files import write_split
from clickprompt.table.splitting import check_splits, sampled, split_rows
from clickprompt.table.summary import summarise
from clickprompt.table.text_table import write_texts
from clickprompt.table.thinning import corrected_weights, thinned
from clickprompt.table.values import Values, number_values
from clickprompt.table.vocabulary import buckets_to_json

SHUFFLED_FROM = 2**30
"""Bytes of training rows' values from which `training_order: auto` shuffles them on disk."""


def prepare_table(config: DataConfig, folder: Path, progress: Progress) -> PreparedTable:
    """Prepare `folder`, or reuse it when settings and the content of every input file are what made it.

    Raises ClickPromptError for anything amiss in the input, for a prepared folder with a changed byte, and for a folder
    that holds something else: that is never overwritten.
    """
    folder = Path(folder)
    known = recorded(folder)
    try:
        wanted = inputs_fingerprint(config)
    except InputsNotFound:
        if known is not None and has_settings(known, config):
            progress.say(f"{folder}: used as it is, for its input files are no longer there to compare")
            return known
        config.source.fetch(progress)
        wanted = inputs_fingerprint(config)
    if known is not None and made_from(known) == wanted:
        return known
    with scratch_beside(folder) as scratch:
        written = _write(config, folder, scratch, progress)
    prepared = PreparedTable.open(folder)
    if prepared.fingerprint != written:
        raise ClickPromptError(f"{folder}: another run has prepared other data here meanwhile; choose another folder")
    write_inputs(folder, written, config, wanted)
    return prepared


def find_prepared_table(config: DataConfig, folder: Path) -> PreparedTable | None:
    """The folder where `prepare_table` would reuse it; None where it would make it. Nothing is made or fetched.

    Raises ClickPromptError as `prepare_table` does for the folder.
    """
    known = recorded(folder)
    if known is None:
        return None
    try:
        same = made_from(known) == inputs_fingerprint(config)
    except InputsNotFound:
        same = has_settings(known, config)
    return known if same else None


def _write(config: DataConfig, folder: Path, scratch: Scratch, progress: Progress) -> str:
    """The fingerprint of what was written."""
    bad = BadRows(config.on_bad_row, config.max_bad_share)
    catalogue = config.source.catalogue() if config.fit_on == "catalogue" else {}
    table = read_rows(config.source, config.split, scratch, bad, progress, catalogue)
    quarantine = bad.put_aside(folder)
    if bad.rows:
        progress.say(f"bad rows: {told(bad.summary(quarantine))}")

    report = progress.start("Preparing", 4, "steps")
    kept = _without_duplicates(table, scratch)
    splits = split_rows(config.split, table, sampled(config.split, kept), scratch)
    check_splits(splits, table.labels, table.weights)
    periods = None
    if table.order == "time" and table.times is not None:
        periods = over_time(table.times, table.dated, splits, table.labels)
    whole_train = len(splits["train"])
    splits["train"] = thinned(config.negatives, splits["train"], table.labels, config.split.seed, scratch)
    weights = corrected_weights(config.negatives, splits["train"], table.labels, table.weights, scratch)
    report(1, f"split by {table.order}")

    factors = with_score_texts(table.schema, table.factors)
    classes = [class_counts(of.codes, table.labels, splits["train"], len(of.texts)) for of in factors]
    counts: dict[SplitName, list[np.ndarray]] = {"train": [of.sum(axis=(1, 2)) for of in classes]}
    for name in ("validation", "test"):
        counts[name] = [counted(of.codes, splits[name], len(of.texts)) for of in factors]
    min_count = 0 if config.fit_on == "catalogue" else config.min_count
    values = number_values(table.schema, factors, counts["train"], min_count, config.numeric_buckets)
    fixed = score_values(table.schema, factors, values)
    report(2, f"{len(values.texts):,} values")

    shuffled = _shuffles(config, len(splits["train"]), len(factors))
    with new_folder(folder) as temporary:
        _write_values(temporary, values)
        written = dict(splits)
        if shuffled:
            written["train"] = shuffled_order(splits["train"], config.split.seed, scratch.folder)
        hashes = _write_rows(temporary, written, factors, values, table, weights, scratch)
        report(3, "rows written")
        checks = data_hints(table.schema, values, factors, classes, counts["test"], overlap(hashes))
        for hint in checks["hints"]:
            progress.say(f"hint: {hint}")
        positives = {name: sum(int(table.labels[some].sum()) for some in blocks(rows)) for name, rows in splits.items()}
        files, settings = checksums(temporary), settings_of(config)
        content: dict[str, Any] = {
            "schema": table.schema.model_dump(mode="json"),
            "settings": settings,
            "fingerprint": fingerprint({"settings": settings, "files": files}),
            "order": table.order,
            "training_order": "shuffled" if shuffled else "split",
            "duplicates_dropped": len(table) - len(kept),
            "negatives": {**config.negatives.model_dump(mode="json"), "dropped": whole_train - len(splits["train"])},
            "offsets": values.offsets.tolist(),
            "num_values": len(values.texts),
            "score_as": fixed,
            "bad_rows": bad.summary(quarantine),
            "checks": checks,
            "over_time": periods,
            **summarise(table.schema, values, factors, counts, positives),
        }
        write_manifest(temporary, MANIFEST, content, kind=KIND, version=FORMAT_VERSION, files=files)
    report(4, str(folder))
    return str(content["fingerprint"])


def _without_duplicates(table: Rows, scratch: Scratch) -> np.ndarray:
    """int64: the first of equal rows, or all where nobody minds equals."""
    if table.hashes is None:
        return scratch.numbers([np.arange(len(table))])
    kept = ~repeated(table.hashes, table.given if table.order == "given" else None)
    starts = range(0, len(kept), AT_ONCE)
    return scratch.numbers(start + np.flatnonzero(kept[start : start + AT_ONCE]) for start in starts)


def _shuffles(config: DataConfig, rows: int, fields: int) -> bool:
    """Whether training rows are shuffled on disk."""
    if config.training_order == "auto":
        return rows * fields * np.dtype(np.int32).itemsize > SHUFFLED_FROM
    return config.training_order == "shuffled"


def _write_values(folder: Path, values: Values) -> None:
    np.save(folder / "embedding_rows.npy", values.embedding_rows)
    np.save(folder / "train_counts.npy", values.train_counts)
    if values.members is not None:
        np.save(folder / "member_offsets.npy", values.members.offsets)
        np.save(folder / "members.npy", values.members.rows)
    write_texts(folder / "vocabulary.arrow", values.texts, values.fields)
    write_file(folder / "numeric.json", json.dumps(buckets_to_json(values.buckets)) + "\n")


def _write_rows(
    folder: Path,
    splits: Mapping[SplitName, np.ndarray],
    factors: Sequence[Factors],
    values: Values,
    table: Rows,
    weights: np.ndarray | None,
    scratch: Scratch,
) -> dict[SplitName, np.ndarray]:
    """uint64: a hash of each row's values, by split."""
    return {
        name: write_split(folder, name, splits[name], factors, values.value_of_code, table.labels, weights, scratch)
        for name in SPLITS
    }
