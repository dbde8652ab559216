"""The report of a run: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from clickprompt.contracts import FieldKind, FieldSide, SplitName
from clickprompt.storage import write_file


@dataclass(frozen=True)
class SplitSummary:
    """Size of a split."""

    name: SplitName
    rows: int
    positives: int


@dataclass(frozen=True)
class FieldSummary:
    """What the data says about one field."""

    name: str
    kind: FieldKind
    side: FieldSide
    vocabulary: int
    """Values with an embedding row of their own."""
    distinct: int
    """Values in all splits."""
    unseen_validation: float
    """Share of validation rows whose value no training row holds, 0 to 1."""
    unseen_test: float
    """Share of test rows whose value no training row holds, 0 to 1."""
    note: str = ""
    """What else is worth saying: how long lists are, how full hashed rows."""
    scored_as: str = ""
    """The value that stood in place of the rows' own where they were scored."""


@dataclass(frozen=True)
class DataSummary:
    """What the models learned from."""

    splits: Sequence[SplitSummary]
    fields: Sequence[FieldSummary]
    sentences: Sequence[str] = ()
    """A few rows as the language model reads them."""
    left_out: Sequence[str] = ()
    """How many rows could not be used, and the first of them."""
    down_sampled: str = ""
    """What was done about training rows without a click."""
    hints: Sequence[str] = ()
    """What of the data may make results look better than they are."""


@dataclass(frozen=True)
class Comparison:
    """A model against the base model, on the same test rows."""

    model: str
    base: str
    auc_difference: float
    """AUC(model) − AUC(base)"""
    relative_improvement: float
    """auc_difference / AUC(base)"""
    delong_p_value: float
    bootstrap_low: float | None = None
    """95 % interval of `auc_difference` over resampled users; None without users."""
    bootstrap_high: float | None = None
    bootstrap_p_value: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class ModelScores:
    """Scored test rows of a model. Only the points of its curves reach the file."""

    model: str
    labels: npt.ArrayLike
    """(rows,) 0 or 1"""
    probabilities: npt.ArrayLike
    """(rows,) 0 to 1"""
    logits: npt.ArrayLike | None = None
    """(rows,) what the ROC curve ranks by, where calibration has changed the probabilities; else they rank."""
    weights: npt.ArrayLike | None = None
    """(rows,) sample weights, which count in the calibration plot."""
    calibrator: str | None = None
    """What the probabilities went through."""


@dataclass(frozen=True)
class ReportData:
    """Everything the report shows; what is empty or None is left out."""

    title: str
    recipe: str
    """YAML, as resolved."""
    data: DataSummary | None = None
    history: Sequence[Mapping[str, Any]] = ()
    """Rows of `history.csv`: model, phase, step, epoch, train_loss, validation_auc, …; a phase with "pretrain" in its
    name is pretraining. A `seed` tells runs of one model apart."""
    results: Sequence[Mapping[str, Any]] = ()
    """Records of `metrics.json`: model, split, rows, auc; where known also seed, log_loss, grouped_auc,
    calibration_ratio, expected_calibration_error, slices, train_seconds, parameters, bundle_bytes, rows_per_second."""
    comparisons: Sequence[Comparison] = ()
    scores: Sequence[ModelScores] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Versions, cores, device, commands: shown as they are, in this order."""


def write_report(path: Path, report: ReportData) -> None:
    """Write the report as one HTML file without outside links; ClickPromptError where the disk refuses."""
    write_file(path, render_report(report))


def render_report(report: ReportData) -> str:
    """The report as HTML."""
    import jinja2

    from clickprompt.workflows.report_formats import FORMATS
    from clickprompt.workflows.report_plots import draw_plots
    from clickprompt.workflows.report_tables import model_names, result_tables, size_table, slice_tables

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FORMATS)
    models = model_names(report)
    return environment.get_template("report.html.jinja").render(
        report=report,
        models=models,
        tables=result_tables(report.results, report.comparisons),
        slices=slice_tables(report.results),
        sizes=size_table(report.results),
        seeds=sorted({record["seed"] for record in report.results if record.get("seed") is not None}),
        plots=draw_plots(report, models),
    )
