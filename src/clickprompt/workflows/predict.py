"""Scoring a file of raw rows with a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from clickprompt.bundle import Predictor
from clickprompt.contracts import Progress
from clickprompt.precision import ScoringPrecision
from clickprompt.settings import ClickPromptError, did_you_mean
from clickprompt.storage import clear_disk_errors
from clickprompt.training import DeviceName, choose_device, reuse_freed_memory
from clickprompt.workflows.progress import SilentProgress

COLUMN = "probability"
SILENT = SilentProgress()


def predict(
    bundle: Path,
    rows: Path,
    out: Path | None,
    encoding: str = "utf-8",
    device: str = "auto",
    progress: Progress = SILENT,
    precision: str = "auto",
) -> str:
    """Write the rows with a column `probability` beside them, to Parquet or CSV; return what to tell the user.

    Raises ClickPromptError for a damaged bundle, unreadable rows, an `out` that is neither .parquet nor .csv, or a
    precision that the bundle or the device cannot score in.
    """
    from clickprompt.table import read_rows, score_text

    out = out or rows.with_suffix(".scored.parquet")
    if out.suffix not in (".parquet", ".csv"):
        raise ClickPromptError(f"{out}: predictions are written as .parquet or .csv; name such a file with --out")
    if out.exists() and out.samefile(rows):
        raise ClickPromptError(f"{out}: would replace the rows themselves; name another file with --out")
    if device not in get_args(DeviceName):
        raise ClickPromptError(f"--device {device}: not a device{did_you_mean(device, get_args(DeviceName))}")
    chosen = choose_device(cast(DeviceName, device))
    if chosen.type == "cpu":
        reuse_freed_memory()
    predictor = Predictor.load(bundle, chosen, cast(ScoringPrecision, precision))
    frame = read_rows(rows, encoding=encoding)
    if frame.is_empty():
        raise ClickPromptError(f"{rows}: the file has no rows")
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    if nested and out.suffix == ".csv":
        raise ClickPromptError(f"{out}: CSV cannot hold lists, such as column {nested[0]!r}; write .parquet instead")
    if COLUMN in frame.columns:
        raise ClickPromptError(f"{rows}: already has a column {COLUMN!r}; rename it first")
    try:
        prediction = predictor.score(frame, progress.start("predict", len(frame), "rows"))
    except ClickPromptError as error:
        raise ClickPromptError(f"{rows}, {error}") from None
    import polars as pl

    scored = frame.with_columns(pl.Series(COLUMN, prediction.probability))
    with clear_disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f".{out.name}.part")
        try:
            scored.write_parquet(temporary) if out.suffix == ".parquet" else scored.write_csv(temporary)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    lines = [f"{out}: {len(frame):,} rows scored, mean probability {prediction.probability.mean():.4f}"]
    lines += [f"column {name!r} is missing; every value counted as unknown" for name in prediction.missing_columns]
    for field in predictor.bundle.vocabulary.schema.fields:
        if field.score_as is not None and field.name in frame.columns:
            lines.append(f"{field.name}: scored as {score_text(field)}; the file's own values were not read")
    for name, count in prediction.unseen.items():
        if count and name not in prediction.missing_columns:
            lines.append(f"{name}: {count:,} rows ({count / len(frame):.1%}) hold a value not seen in training")
    return "\n".join(lines)
