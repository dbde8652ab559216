"""Records of many models, splits and seeds, arranged as the report's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from clickprompt.contracts import SPLITS

if TYPE_CHECKING:
    from clickprompt.workflows.report import Comparison, ReportData

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over seeds."""

    mean: float | None
    deviation: float | None
    """None for a single value."""


@dataclass(frozen=True)
class ResultRow:
    """A model on a split, over its seeds."""

    model: str
    seeds: int
    measures: Mapping[str, Spread]
    relative_improvement: float | None
    """Of the mean AUC over the base model's; None for the base itself and where there is no base."""


@dataclass(frozen=True)
class ResultTable:
    """All models on a split."""

    split: str
    rows: int
    base: str | None
    measures: Sequence[tuple[str, str, int]]
    """Those any model has: key, heading, decimals."""
    models: Sequence[ResultRow]

    @property
    def best(self) -> ResultRow:
        """The model of highest mean AUC."""
        return max(self.models, key=lambda row: row.measures["auc"].mean or 0.0)


@dataclass(frozen=True)
class SliceRow:
    """A slice, under every model."""

    name: str
    rows: int
    positives: int
    models: Sequence[tuple[Spread, Spread]]
    """AUC and log loss, in the order of the table's models."""


@dataclass(frozen=True)
class SliceTable:
    """All slices of a split."""

    split: str
    models: Sequence[str]
    slices: Sequence[SliceRow]


MEASURES = (
    ("auc", "AUC", 4),
    ("log_loss", "Log loss", 4),
    ("grouped_auc", "AUC per user", 4),
    ("calibration_ratio", "Predicted / observed", 3),
    ("expected_calibration_error", "Calibration error", 4),
)

SIZES = ("parameters", "bundle_bytes", "train_seconds", "rows_per_second")


def model_names(report: ReportData) -> list[str]:
    """Every model of the report, in order of first mention."""
    named = [record["model"] for record in report.results]
    named += [scored.model for scored in report.scores]
    named += [row["model"] for row in report.history]
    return list(dict.fromkeys(named))


def result_tables(results: Sequence[Record], comparisons: Sequence[Comparison]) -> list[ResultTable]:
    """One table a split, the test split first."""
    base = comparisons[0].base if comparisons else None
    tables = []
    for split in _splits(results):
        records = [record for record in results if record["split"] == split]
        by_model = _by_model(records)
        base_auc = _spread(by_model[base], "auc").mean if base in by_model else None
        shown = [measure for measure in MEASURES if any(record.get(measure[0]) is not None for record in records)]
        rows = []
        for model, own in by_model.items():
            measures = {key: _spread(own, key) for key, _, _ in shown}
            mean = measures["auc"].mean
            gain = None if model == base or not base_auc or mean is None else mean / base_auc - 1
            rows.append(ResultRow(model, len(own), measures, gain))
        tables.append(ResultTable(split, records[0]["rows"], base if base_auc else None, shown, rows))
    return tables


def slice_tables(results: Sequence[Record]) -> list[SliceTable]:
    """One table a split that has slices, the test split first."""
    tables = []
    for split in _splits(results):
        by_model = _by_model(record for record in results if record["split"] == split and record.get("slices"))
        measured = {
            model: [measures for record in records for measures in record["slices"]]
            for model, records in by_model.items()
        }
        named = {measures["name"]: measures for one in measured.values() for measures in one}
        rows = []
        for name, any_model in named.items():
            own = [[measures for measures in one if measures["name"] == name] for one in measured.values()]
            cells = [(_spread(one, "auc"), _spread(one, "log_loss")) for one in own]
            rows.append(SliceRow(name, any_model["rows"], any_model["positives"], cells))
        if rows:
            tables.append(SliceTable(split, list(by_model), rows))
    return tables


def size_table(results: Sequence[Record]) -> dict[str, dict[str, float | None]]:
    """Per model the means over seeds of SIZES, None where not known; {} where no model has any."""
    table = {model: {key: _spread(records, key).mean for key in SIZES} for model, records in _by_model(results).items()}
    known = any(value is not None for sizes in table.values() for value in sizes.values())
    return table if known else {}


def _spread(records: Iterable[Record], key: str) -> Spread:
    values = [record[key] for record in records if record.get(key) is not None]
    return Spread(fmean(values) if values else None, stdev(values) if len(values) > 1 else None)


def _by_model(records: Iterable[Record]) -> dict[str, list[Record]]:
    table: dict[str, list[Record]] = {}
    for record in records:
        table.setdefault(record["model"], []).append(record)
    return table


def _splits(results: Sequence[Record]) -> list[str]:
    present = {record["split"] for record in results}
    return [split for split in reversed(SPLITS) if split in present]
