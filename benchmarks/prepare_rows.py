"""The rows that `prepare.py` prepares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from clickprompt.contracts import SPLITS
from clickprompt.table import DataConfig, prepare_table
from clickprompt.testing.large_tables import LargeTableFormat, large_table_config, write_large_table
from clickprompt.workflows import SilentProgress
from lm_rows import write_rows

LABEL = "label"


def movielens_section(release: Path | None, drawn: int, work: Path) -> dict[str, Any]:
    """The `data` section over MovieLens-1M's files, or over rows drawn in their shape."""
    folder = release or write_rows(work / "movielens", drawn)
    return {"source": {"kind": "movielens-1m", "path": str(folder)}, "split": {"order": "time"}, "min_count": 1}


def movielens_csv(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the same rows, joined and split, as three CSV files, and return the `data` section over them."""
    folder.mkdir(parents=True)
    table = prepare_table(DataConfig.model_validate(data), folder / "prepared", SilentProgress())
    texts = pl.Series(table.value_texts[0])
    for name in SPLITS:
        split = table.split(name)
        columns = {field: texts[ids] for field, ids in zip(table.schema.names, split.value_ids.T, strict=True)}
        rows = pl.DataFrame({LABEL: split.labels.astype("int8"), **columns})
        rows.write_csv(folder / f"{name}.csv")
    fields = [{"name": field.name, "kind": "categorical", "side": field.side} for field in table.schema.fields]
    files = {name: str(folder / f"{name}.csv") for name in SPLITS}
    return {"source": {"kind": "files", **files, "fields": fields, "label": LABEL}, "split": {"drop_duplicates": False}}


def generated(folder: Path, rows: int, format: LargeTableFormat, files: int = 1) -> dict[str, Any]:
    """The `data` section over generated rows, written where they are not there yet; shuffled if in many files."""
    note, wanted = folder / "rows.json", {"rows": rows, "format": format, "files": files}
    if not note.exists() or json.loads(note.read_text()) != wanted:
        for old in folder.glob("reads-*"):
            old.unlink()
        write_large_table(folder, rows, files=files, format=format, shuffle=files > 1)
        note.write_text(json.dumps(wanted) + "\n")
    return large_table_config(folder)
