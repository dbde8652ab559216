"""Descriptions for people: of bundles, recipes, prepared folders, results and choices."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clickprompt.calibration import CALIBRATION_FILE, Calibrator, PlattCalibrator, read_calibrator
from clickprompt.contracts import Field
from clickprompt.settings import ClickPromptError, did_you_mean
from clickprompt.workflows.recipe import dump_recipe, load_recipe
from clickprompt.workflows.report_formats import count, fixed, signed


def show(what: Path, overrides: Sequence[str] = ()) -> str:
    """A bundle's, a prepared folder's or a recipe's description as text."""
    if not what.exists():
        raise ClickPromptError(f"{what}: no such file or folder")
    if what.is_file():
        return dump_recipe(load_recipe(what, overrides))
    if overrides:
        raise ClickPromptError(f"--set changes recipes; {what} is a folder")
    if (what / "bundle.json").exists():
        return _bundle(what)
    if (what / "manifest.json").exists():
        return _prepared(what)
    if (what / "recipe.yaml").exists() and (what / "prepared").exists():
        raise ClickPromptError(f"{what}: the folder of a run; show its prepared/, one of bundles/, or recipe.yaml")
    raise ClickPromptError(f"{what}: neither a bundle, a recipe nor a prepared folder")


def listing(what: str) -> str:
    """The names a recipe can choose from, with a line on each."""
    if what == "ctr-models":
        from clickprompt.ctr import CTR_MODELS as classes
    elif what == "methods":
        from clickprompt.methods import METHODS as classes  # type: ignore[assignment]
    elif what == "sources":
        from clickprompt.table import SOURCES as classes  # type: ignore[assignment]
    elif what == "tunings":
        from clickprompt.language import TUNINGS as classes  # type: ignore[assignment]
    elif what == "language-models":
        from clickprompt.language import LANGUAGE_MODELS

        return _columns([(name, text) for name, text in LANGUAGE_MODELS.items()])
    else:
        known = ("ctr-models", "methods", "sources", "language-models", "tunings")
        raise ClickPromptError(f"list {what}: nothing of that name{did_you_mean(what, known)}")
    return _columns([(name, (inspect.getdoc(config) or "").splitlines()[0]) for name, config in classes.items()])


def results_table(records: list[dict[str, Any]]) -> None:
    """Print the test measures side by side."""
    from rich.console import Console
    from rich.table import Table

    test = [record for record in records if record["split"] == "test"]
    base = next((record["auc"] for record in test if record["model"] == "id-only"), None)
    table = Table("model", title="test rows", title_justify="left")
    for name in ("AUC", "vs id-only", "log loss", "rows", "train s"):
        table.add_column(name, justify="right")
    for record in test:
        against = "" if base is None or record["model"] == "id-only" else f"{record['auc'] / base - 1:+.2%}"
        seconds = record["train_seconds"] + record["pretrain_seconds"]
        table.add_row(
            record["model"],
            f"{record['auc']:.4f}",
            against,
            f"{record['log_loss']:.4f}",
            f"{record['rows']:,}",
            f"{seconds:,.0f}",
        )
    Console(highlight=False).print(table)


def slice_results(records: list[dict[str, Any]]) -> None:
    """Print each model's measures on every slice of the test rows, and its AUC less that of the plain ID model."""
    from rich.console import Console
    from rich.table import Table

    test = [record for record in records if record["split"] == "test"]
    base = {part["name"]: part["auc"] for record in test if record["model"] == "id-only" for part in record["slices"]}
    for record in test:
        plain = record["model"] == "id-only" or not base
        table = Table("slice", title=f"{record['model']}, slices of test rows", title_justify="left")
        for name in ("rows", "positives", "AUC", *([] if plain else ["− id-only"]), "log loss"):
            table.add_column(name, justify="right")
        for part in record["slices"]:
            auc, of_base = part["auc"], base.get(part["name"])
            against = [] if plain else [signed(None if auc is None or of_base is None else auc - of_base)]
            measures = [fixed(auc), *against, fixed(part["log_loss"])]
            table.add_row(part["name"], count(part["rows"]), count(part["positives"]), *measures)
        Console(highlight=False).print(table)


def _bundle(folder: Path) -> str:
    from clickprompt.bundle import read_bundle_manifest
    from clickprompt.table import Vocabulary

    manifest = read_bundle_manifest(folder)
    calibrator = read_calibrator(folder) if CALIBRATION_FILE in manifest["files"] else None
    vocabulary = Vocabulary.load(folder)
    provenance = manifest["provenance"]
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    ctr_model, language = manifest["ctr_model"], manifest["language_model"]
    lines = [
        ("bundle", f"{folder}, {size / 1e6:.1f} MB, SHA-256 of every file checked"),
        ("model", str(provenance.get("model", manifest["method"]["kind"]))),
        ("ID model", "none" if ctr_model is None else ctr_model["kind"]),
        ("language model", "none" if language is None else f"{language['name']}, {language['layers'] or 'all'} layers"),
        ("calibration", _calibration(calibrator)),
        ("seed", str(provenance.get("seed"))),
        *_updates(provenance),
        *((name.replace("_", " "), f"{value:.4f}") for name, value in manifest["measures"].items()),
        ("written by", f"clickprompt {manifest['clickprompt_version']}, torch {provenance['torch']}"),
    ]
    sizes = vocabulary.statistics.offsets[1:] - vocabulary.statistics.offsets[:-1]
    fields = [_field(field, size) for field, size in zip(vocabulary.schema.fields, sizes, strict=True)]
    return _columns(lines) + "fields\n" + _columns(fields)


def _calibration(calibrator: Calibrator | None) -> str:
    if isinstance(calibrator, PlattCalibrator) and calibrator.slope == 1:
        return f"logits shifted by {calibrator.intercept:+.4f}"
    return "none" if calibrator is None else calibrator.kind


def _updates(provenance: dict[str, Any]) -> list[tuple[str, str]]:
    """How often a bundle was updated, and what the gate said last."""
    last = provenance.get("update")
    if last is None:
        return []
    checks = {check["name"]: check for check in last["gate"]["checks"]}
    auc = checks.get("AUC")
    gate = "" if auc is None else f", held-out AUC {auc['old']:.4f} → {auc['new']:.4f}"
    return [("updates", f"{last['number']}, the last from {last['train_rows']:,} rows{gate}")]


def _prepared(folder: Path) -> str:
    from clickprompt.table import PreparedTable, left_out
    from clickprompt.workflows.negatives import negatives_told

    table = PreparedTable.open(folder)
    rows = [
        (name, f"{split['rows']:,} rows, {split['positive_share']:.1%} positive")
        for name, split in table.manifest["splits"].items()
    ]
    sizes = table.statistics.offsets[1:] - table.statistics.offsets[:-1]
    fields = [_field(field, size) for field, size in zip(table.schema.fields, sizes, strict=True)]
    found = [("bad rows", line) for line in left_out(table.manifest)]
    found += [("negatives", line)] if (line := negatives_told(table)) else []
    found += [("hint", hint) for hint in table.manifest.get("checks", {}).get("hints", [])]
    return _columns([("prepared", str(folder)), *rows, *found]) + "fields\n" + _columns(fields)


def _field(field: Field, size: int) -> tuple[str, str]:
    from clickprompt.table import score_text

    fixed = "" if field.score_as is None else f", scored as {score_text(field)}"
    return f"  {field.name}", f"{field.kind}, {field.side}, {size:,} embedding rows{fixed}"


def _columns(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {text}\n" for name, text in rows)
