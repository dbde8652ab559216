"""The bundle that an update makes: grown, trained, calibrated, written to the side and judged as it was written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.bundle import Bundle, grow_method, load_bundle, read_ages, replace_calibrator, save_bundle
from clickprompt.calibration import CalibrationKind, Calibrator
from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.table import FreshRows, Growth, grow
from clickprompt.training import Checkpoints, Guard, choose_device
from clickprompt.workflows.calibrate import calibrate
from clickprompt.workflows.negatives import shift_of
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.resources import check_resources
from clickprompt.workflows.scoring import score_rows
from clickprompt.workflows.update.config import UpdateConfig
from clickprompt.workflows.update.gate import Scores, Verdict, judge
from clickprompt.workflows.update.negatives import negatives_record, thinned
from clickprompt.workflows.update.rows import Cut, Reading, cut
from clickprompt.workflows.update.store import ModelStore, identity, learned_files, update_record
from clickprompt.workflows.update.train import train_on, training_config


@dataclass(frozen=True)
class Candidate:
    """A bundle that waits beside the versions, and what the gate says of it."""

    folder: Path
    verdict: Verdict
    record: dict[str, Any]


def cut_for(bundle: Bundle, rows: FreshRows, recipe: Recipe, config: UpdateConfig) -> tuple[FreshRows, Cut, int]:
    """Today's rows, which of them are learned from and which not, and how many without a click are left out.

    Raises ClickPromptError where none counts.
    """
    parts, number = cut(rows.order, config.holdout, calibrates=_asked(bundle) != "none"), _number(bundle.folder)
    rows, train = thinned(rows, parts.train, recipe.data.negatives, recipe.data.split.seed, number)
    if rows.weights is not None and not rows.weights[train].any():
        raise ClickPromptError(f"all weights of the {len(train):,} rows to learn from are 0; none would count")
    return rows, replace(parts, train=train), len(parts.train) - len(train)


def grown_for(bundle: Bundle, rows: FreshRows, parts: Cut, recipe: Recipe, config: UpdateConfig) -> Growth:
    """The bundle's vocabulary with what today's training rows add."""
    values = int(bundle.vocabulary.statistics.offsets[-1])
    ages = read_ages(bundle.folder, values)
    return grow(bundle.vocabulary, rows.factors, parts.train, recipe.data.min_count, ages, config.drop_unseen)


def make_candidate(
    store: ModelStore,
    bundle: Bundle,
    recipe: Recipe,
    rows: FreshRows,
    config: UpdateConfig,
    made_of: dict[str, Any],
    inputs: str,
    progress: Progress,
) -> Candidate:
    """Train a copy of the bundle on today's rows, write it to the store's work folder, and judge it from there.

    `made_of`: names and fingerprints of the rows' files, for the record. The bundle's own folder is only read.
    """
    provenance, device = bundle.manifest["provenance"], choose_device(recipe.device)
    model, old, parent = provenance["model"], bundle.vocabulary, bundle.folder
    settings = training_config(recipe, provenance["model"], config)
    rows, parts, dropped = cut_for(bundle, rows, recipe, config)
    reading = Reading(rows, bundle, device)
    before = _scores(bundle, reading, parts, settings.precision, settings.micro_batch_size)
    if not np.isfinite(before.logits).all():
        raise ClickPromptError(f"{parent}: gives scores that are not finite; go back by --rollback, or train it anew")
    growth = grown_for(bundle, rows, parts, recipe, config)
    method, number = bundle.method, _number(parent)
    if config.check_resources:
        of = growth.vocabulary.statistics
        served, task = recipe.served(model), f"update {model}"
        check_resources(recipe, served, settings, of, store.path, task, progress, updates=True)
    grow_method(method, old.statistics, growth.vocabulary.statistics, growth.origin, config.new_rows)
    checkpoints = None
    if recipe.checkpoint is not None:
        checkpoints = Checkpoints(store.work / "checkpoints", inputs, recipe.checkpoint, progress.say)
    guard = Guard(recipe.guards, progress.say, store.path / ".skipped_steps")
    train_rows = reading.reader(parts.train, growth.vocabulary, scoring=False)
    result = train_on(method, train_rows, recipe, model, settings, number, progress, checkpoints, guard)
    calibrator = _calibrator(bundle, reading, growth, parts, settings.precision, recipe, model, progress)
    record = {
        **made_of,
        "number": number,
        "learned": list(dict.fromkeys([*learned_files(parent), *made_of["rows"]])),
        "parent": identity(parent),
        "parent_version": parent.name,
        "inputs": inputs,
        "settings": config.model_dump(mode="json"),
        "train_rows": len(parts.train),
        "calibration_rows": len(parts.calibration),
        "held_out_rows": len(parts.held_out),
        **negatives_record(recipe.data.negatives, dropped),
        "ordered_by_time": rows.timed,
        "added": growth.added,
        "dropped": growth.dropped,
        "steps": result.steps,
        "train_seconds": result.seconds,
    }
    folder = store.work / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    reads_words = bundle.language is not None
    save_bundle(
        folder,
        method.cpu(),
        method_config=recipe.served(model),
        ctr_config=None if method.ctr is None else method.ctr.config,
        language_config=bundle.language if reads_words else None,
        tokenizer=bundle.tokenizer,
        vocabulary=growth.vocabulary,
        calibrator=calibrator,
        provenance={**provenance, "inputs": inputs},
        value_ages=growth.ages,
    )
    written = load_bundle(folder)
    after = _scores(written, reading, parts, settings.precision, settings.micro_batch_size)
    verdict = judge(rows.split(parts.held_out), before, after, config.gate)
    record = {**record, "gate": verdict.record}
    replace_calibrator(folder, calibrator, {"update": record})
    return Candidate(folder, verdict, record)


def _scores(bundle: Bundle, reading: Reading, parts: Cut, precision: Any, at_once: int | None) -> Scores:
    """A bundle's answers to the held-out rows, as it serves them."""
    reader = reading.reader(parts.held_out, bundle.vocabulary, scoring=True)
    logits = score_rows(bundle.method.to(reading.device), reader, reading.device, precision, None, at_once)
    usable = bundle.calibrator is not None and bool(np.isfinite(logits).all())
    calibrated = bundle.calibrator.logits(logits) if usable and bundle.calibrator is not None else logits
    return Scores(logits, calibrated, reading.rows.unseen(bundle.vocabulary, parts.held_out))


def _calibrator(
    bundle: Bundle,
    reading: Reading,
    growth: Growth,
    parts: Cut,
    precision: Any,
    recipe: Recipe,
    model: str,
    progress: Progress,
) -> Calibrator | None:
    """A new calibrator of the old one's kind, from rows that neither training nor the gate reads; the old one where
    those rows are all of one class, or weigh nothing, and where it is but a shift."""
    asked = _asked(bundle)
    if asked == "none":
        return bundle.calibrator
    reader = reading.reader(parts.calibration, growth.vocabulary, scoring=True)
    labels = np.asarray(reader.labels)
    counted = labels if reader.weights is None else labels[np.asarray(reader.weights) > 0]
    if len(np.unique(counted)) < 2:
        progress.say(f"calibrate {model}: its {len(labels):,} rows lack a class; the calibrator stays as it was")
        return bundle.calibrator
    logits = score_rows(bundle.method, reader, reading.device, precision)
    shift = shift_of(recipe.data.negatives)
    return calibrate(asked, labels, logits, reader.weights, recipe.seed, model, progress, shift).calibrator


def _asked(bundle: Bundle) -> CalibrationKind:
    """The kind of calibrator that is fitted anew; `none` where there is none, or a shift that stays as it is."""
    if bundle.calibrator is None:
        return "none"
    asked: CalibrationKind = bundle.manifest["provenance"].get("calibration", bundle.calibrator.kind)
    return asked


def _number(parent: Path) -> int:
    """Of the update that a bundle now gets: the first of all is 1."""
    return int(update_record(parent).get("number", 0)) + 1
