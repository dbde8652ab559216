"""Raw rows → prepared folder, unless the folder already holds just that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from clickprompt.contracts import Progress
from clickprompt.secrets import masked, masked_values
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, fingerprint, new_folder, sha256_of, write_file, write_manifest
from clickprompt.table.bad_rows import BadRows, told
from clickprompt.table.checking import check_cells
from clickprompt.table.config import DataConfig
from clickprompt.table.hints import data_hints
from clickprompt.table.prepared import FORMAT_VERSION, KIND, MANIFEST, PreparedTable
from clickprompt.table.score_as import score_values, with_score_texts
from clickprompt.table.sources.base import InputsNotFound
from clickprompt.table.splitting import check_splits, chosen_order, first_of_equals, sampled, split_rows, tie_keys
from clickprompt.table.summary import summarise
from clickprompt.table.text_table import write_texts
from clickprompt.table.values import number_values
from clickprompt.table.vocabulary import buckets_to_json


def prepare_table(config: DataConfig, folder: Path, progress: Progress) -> PreparedTable:
    """Prepare `folder`, or reuse it when settings and the content of every input file are what made it.

    Raises ClickPromptError for anything amiss in the input, for a prepared folder with a changed byte, and for a folder
    that holds something else: that is never overwritten.
    """
    folder = Path(folder)
    recorded = _recorded(folder)
    try:
        wanted = inputs_fingerprint(config)
    except InputsNotFound:
        if recorded is not None and _settings_of(recorded) == config:
            progress.say(f"{folder}: used as it is, for its input files are no longer there to compare")
            return recorded
        config.source.fetch(progress)
        wanted = inputs_fingerprint(config)
    if recorded is not None and recorded.fingerprint == wanted:
        return recorded
    _write(config, folder, wanted, progress)
    return PreparedTable.open(folder)


def find_prepared_table(config: DataConfig, folder: Path) -> PreparedTable | None:
    """The folder where `prepare_table` would reuse it; None where it would make it. Nothing is made or fetched.

    Raises ClickPromptError as `prepare_table` does for the folder.
    """
    recorded = _recorded(folder)
    if recorded is None:
        return None
    try:
        same = recorded.fingerprint == inputs_fingerprint(config)
    except InputsNotFound:
        same = _settings_of(recorded) == config
    return recorded if same else None


def inputs_fingerprint(config: DataConfig) -> str:
    """Changes when a setting of the data, the content of an input file or the format of prepared folders does.

    Where the files lie does not count; their endings do, for they may say how a file is read.
    Raises InputsNotFound where one is not on this machine.
    """
    settings = config.model_dump(mode="json", exclude={"source": set(config.source.path_settings)})
    if config.on_bad_row == "error":  # these decide nothing then
        del settings["on_bad_row"], settings["max_bad_share"]
    files = []
    for file in config.source.inputs():
        with clear_disk_errors(file.path):
            files.append([file.part, file.path.suffix, sha256_of(file.path)])
    return fingerprint({"settings": settings, "files": files, "format_version": FORMAT_VERSION})


def _recorded(folder: Path) -> PreparedTable | None:
    """The folder as it stands; None where there is none, or one of another format version, to be written anew."""
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise ClickPromptError(f"{folder}: this is a file; a folder to prepare was expected")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        manifest = None
    if isinstance(manifest, dict) and manifest.get("kind") == KIND and manifest.get("format_version") != FORMAT_VERSION:
        return None
    if not (folder / MANIFEST).exists():
        if any(folder.iterdir()):
            raise ClickPromptError(f"{folder}: holds something else than prepared data; choose another folder")
        return None
    return PreparedTable.open(folder)


def _settings_of(prepared: PreparedTable) -> DataConfig | None:
    """What a folder was made by, settings that its version did not know at their defaults; None if it knew others."""
    try:
        return DataConfig.model_validate(prepared.manifest["settings"])
    except ValidationError:
        return None


def _write(config: DataConfig, folder: Path, wanted: str, progress: Progress) -> None:
    report = progress.start("Preparing", 5, "steps")
    bad = BadRows(config.on_bad_row, config.max_bad_share)
    table = config.source.read(progress, bad)
    report(1, f"{table.frame.height:,} rows")

    order = chosen_order(config.split, table)
    checked = check_cells(table, bad, by_time=order == "time")
    table, labels, weights = checked.raw, checked.labels, checked.weights
    factors = with_score_texts(table.schema, checked.factors)
    quarantine = bad.put_aside(folder)
    if bad.rows:
        progress.say(f"bad rows: {told(bad.summary(quarantine))}")
    report(2, "cells checked")

    kept = first_of_equals(table, order) if config.split.drop_duplicates else np.arange(table.frame.height)
    splits = split_rows(config.split, table, order, sampled(config.split, kept), tie_keys(factors, labels, weights))
    check_splits(splits, labels, weights)
    report(3, f"split by {order}")

    values = number_values(table.schema, factors, splits["train"], config.min_count, config.numeric_buckets)
    fixed = score_values(table.schema, factors, values)
    report(4, f"{len(values.texts):,} values")

    with new_folder(folder) as temporary:
        ids = {}
        for name, rows in splits.items():
            ids[name] = np.stack(
                [of[factor.codes[rows]] for of, factor in zip(values.value_of_code, factors, strict=True)], axis=1
            )
            np.save(temporary / f"{name}.value_ids.npy", ids[name])
            np.save(temporary / f"{name}.labels.npy", labels[rows])
            if weights is not None:
                np.save(temporary / f"{name}.weights.npy", weights[rows])
        np.save(temporary / "embedding_rows.npy", values.embedding_rows)
        np.save(temporary / "train_counts.npy", values.train_counts)
        if values.members is not None:
            np.save(temporary / "member_offsets.npy", values.members.offsets)
            np.save(temporary / "members.npy", values.members.rows)
        write_texts(temporary / "vocabulary.arrow", values.texts, values.fields)
        write_file(temporary / "numeric.json", json.dumps(buckets_to_json(values.buckets)) + "\n")
        checks = data_hints(table.schema, values, factors, splits, ids, labels)
        for hint in checks["hints"]:
            progress.say(f"hint: {hint}")
        content: dict[str, Any] = {
            "schema": table.schema.model_dump(mode="json"),
            "settings": masked_values(config.model_dump(mode="json")),
            "fingerprint": wanted,
            "inputs": [masked(file.name) for file in config.source.inputs()],
            "order": order,
            "duplicates_dropped": table.frame.height - len(kept),
            "offsets": values.offsets.tolist(),
            "num_values": len(values.texts),
            "score_as": fixed,
            "bad_rows": bad.summary(quarantine),
            "checks": checks,
            **summarise(table, values, factors, ids, {name: labels[rows] for name, rows in splits.items()}),
        }
        write_manifest(temporary, MANIFEST, content, kind=KIND, version=FORMAT_VERSION)
    report(5, str(folder))
