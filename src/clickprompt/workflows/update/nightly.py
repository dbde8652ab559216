"""`clickprompt update`: what a nightly job runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clickprompt.bundle import MANIFEST, Bundle, load_bundle, read_bundle_manifest
from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.storage import new_folder
from clickprompt.table import read_fresh_rows
from clickprompt.table.bad_rows import BadRows, told
from clickprompt.table.sources.base import InputsNotFound
from clickprompt.workflows.progress import SilentProgress
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.runs import inputs_of, machine
from clickprompt.workflows.update.candidate import Candidate, cut_for, grown_for, make_candidate
from clickprompt.workflows.update.config import RowsConfig, UpdateConfig
from clickprompt.workflows.update.negatives import negatives_record
from clickprompt.workflows.update.rows import file_fingerprints, recipe_of, source_of
from clickprompt.workflows.update.store import ModelStore, has_learned, identity
from clickprompt.workflows.update.train import training_config

Outcome = Literal["promoted", "failed", "undecided", "already done", "dry run"]
REASON = "reason.json"


@dataclass(frozen=True)
class Update:
    """How an update ended."""

    outcome: Outcome
    folder: Path
    """The bundle that is served now."""
    record: dict[str, Any]
    """What was done: rows, values, gate."""
    kept: Path | None = None
    """Where a bundle is that did not pass."""


def update(
    what: Path,
    rows: Sequence[str],
    config: UpdateConfig,
    out: Path | None = None,
    columns: RowsConfig | None = None,
    progress: Progress | None = None,
    *,
    force: bool = False,
    dry_run: bool = False,
) -> Update:
    """Train the newest version of a model on new rows and publish the result as the next version if it passes the gate.

    `what`: a folder of versions, or a bundle alone, which then becomes version 1 of `out`. `rows`: paths or patterns.
    Published versions are never touched. What does not pass goes to `.rejected/`, and the newest version stays. Rows
    that the newest version, or one that it was made of, has learned from are not learned again. Stopped half way, the
    same call goes on. `force`: publish where the gate has too few rows to decide; learn such rows again.
    `dry_run`: say what would be learned, and change nothing.

    Raises ClickPromptError for what cannot be read or used, and where another process is at work in the folder.
    """
    progress, columns = progress or SilentProgress(), columns or RowsConfig()
    alone = (what / MANIFEST).is_file()
    if alone and out is None and not dry_run:
        raise ClickPromptError(f"{what}: a bundle alone stays as it is; name a folder for its versions with --out")
    if not alone and out is not None:
        raise ClickPromptError(f"--out {out}: {what} is no bundle; a folder of versions gets the new one itself")
    if alone and out is not None and out.resolve().is_relative_to(what.resolve()):
        raise ClickPromptError(f"--out {out}: lies in the bundle, which stays as it is; choose a folder outside of it")
    store = ModelStore(out if alone and out is not None else what)
    newest = what if alone else store.folder(store.current)
    if dry_run:
        return _planned(None if alone else store, load_bundle(newest), rows, config, columns, progress, force)
    with store.locked():
        if alone:
            _begin(store, what)
        return _update(store, rows, config, columns, progress, force)


def _begin(store: ModelStore, bundle: Path) -> None:
    """Make a bundle version 1, unless the versions that are there come from it."""
    read_bundle_manifest(bundle)
    if not store.versions:
        store.publish(bundle)
    elif identity(bundle) not in [identity(store.folder(v)) for v in store.lineage(store.current)]:
        raise ClickPromptError(f"--out {store.path}: holds versions of another bundle; choose a new or empty folder")


def _update(
    store: ModelStore,
    files: Sequence[str],
    config: UpdateConfig,
    columns: RowsConfig,
    progress: Progress,
    force: bool,
) -> Update:
    version = store.current
    bundle = load_bundle(store.folder(version))
    recipe, source, made_of = _sources(bundle, files, columns)
    if not force and has_learned(store, bundle.folder, made_of):
        return Update("already done", bundle.folder, made_of)
    settings = training_config(recipe, bundle.manifest["provenance"]["model"], config)
    words = bundle.reads in ("sentence", "sides")
    inputs = inputs_of(
        parent=identity(bundle.folder),
        rows=made_of["rows"],
        update=config.model_dump(mode="json", exclude={"check_resources"}),
        machine=machine(recipe.device, settings.precision, words=words),
    )
    if not force and (known := _judged_before(store, inputs)) is not None:
        return known
    bad = _bad_rows(recipe, columns)
    fresh = read_fresh_rows(source, recipe.data.split, bad, progress)
    quarantine = bad.put_aside(store.path / ".rows")
    if bad.rows:
        made_of["bad_rows"] = bad.summary(quarantine)
        progress.say(f"bad rows: {told(made_of['bad_rows'])}")
    candidate = make_candidate(store, bundle, recipe, fresh, config, made_of, inputs, progress)
    passed = candidate.verdict.outcome == "passed" or (force and candidate.verdict.outcome == "undecided")
    done = _promoted(store, candidate) if passed else _rejected(store, candidate, inputs)
    shutil.rmtree(store.work, ignore_errors=True)
    return done


def _sources(bundle: Bundle, files: Sequence[str], columns: RowsConfig) -> tuple[Recipe, Any, dict[str, Any]]:
    """The bundle's recipe, today's rows as a source, and what the record says of them."""
    recipe = recipe_of(bundle)
    source = source_of(recipe, bundle.vocabulary.schema, files, columns)
    try:
        names = [file.name for file in source.inputs()]
    except InputsNotFound as error:
        raise ClickPromptError(str(error).removesuffix("; check data.source.path")) from None
    return recipe, source, {"files": names, "rows": file_fingerprints(source)}


def _bad_rows(recipe: Recipe, columns: RowsConfig) -> BadRows:
    return BadRows(columns.on_bad_row or recipe.data.on_bad_row, recipe.data.max_bad_share)


def _planned(
    store: ModelStore | None,
    bundle: Bundle,
    files: Sequence[str],
    config: UpdateConfig,
    columns: RowsConfig,
    progress: Progress,
    force: bool,
) -> Update:
    recipe, source, made_of = _sources(bundle, files, columns)
    if not force and has_learned(store, bundle.folder, made_of):
        return Update("already done", bundle.folder, made_of)
    fresh = read_fresh_rows(source, recipe.data.split, _bad_rows(recipe, columns), progress)
    fresh, parts, dropped = cut_for(bundle, fresh, recipe, config)
    growth = grown_for(bundle, fresh, parts, recipe, config)
    counts = {f"{name}_rows": len(getattr(parts, name)) for name in ("train", "calibration", "held_out")}
    counts |= negatives_record(recipe.data.negatives, dropped)
    return Update("dry run", bundle.folder, {**made_of, **counts, "added": growth.added, "dropped": growth.dropped})


def _promoted(store: ModelStore, candidate: Candidate) -> Update:
    shutil.rmtree(store.rejected(store.next), ignore_errors=True)
    version = store.publish(candidate.folder, move=True)
    return Update("promoted", store.folder(version), {**candidate.record, "version": version})


def _rejected(store: ModelStore, candidate: Candidate, inputs: str) -> Update:
    place, verdict = store.rejected(store.next), candidate.verdict
    assert verdict.outcome != "passed"
    with new_folder(place) as new:
        candidate.folder.rename(new / "bundle")
        reason = {"outcome": verdict.outcome, "reason": verdict.reason, "inputs": inputs, "record": candidate.record}
        (new / REASON).write_text(json.dumps(reason, indent=2, ensure_ascii=False) + "\n")
    return Update(verdict.outcome, store.folder(store.current), candidate.record, place)


def _judged_before(store: ModelStore, inputs: str) -> Update | None:
    """What the gate said of the very same update, if that was the last that did not pass."""
    place = store.rejected(store.next)
    try:
        reason = json.loads((place / REASON).read_bytes())
    except (OSError, ValueError):
        return None
    if reason.get("inputs") != inputs:
        return None
    return Update(reason["outcome"], store.folder(store.current), reason["record"], place)
