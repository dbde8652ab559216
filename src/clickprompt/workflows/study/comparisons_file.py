"""`comparisons.parquet`: a row for each comparison, read back so that none is computed twice."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clickprompt.storage import write_file
from clickprompt.workflows.study.statistics import Comparison

_FILE = "comparisons.parquet"


def write_comparisons(folder: Path, comparisons: Sequence[Comparison]) -> None:
    """Write all comparisons, a column for each of their fields."""
    import polars

    number, text = polars.Float64, polars.String
    types: dict[str, Any] = {
        "str": text,
        "str | None": text,
        "int": polars.Int64,
        "float": number,
        "float | None": number,
        "list[int]": polars.List(polars.Int64),
        "list[float]": polars.List(number),
    }
    schema = {name: types[str(kind)] for name, kind in Comparison.__annotations__.items()}
    buffer = io.BytesIO()
    polars.DataFrame([asdict(one) for one in comparisons], schema=schema).write_parquet(buffer)
    write_file(folder / _FILE, buffer.getvalue())


def read_comparisons(folder: Path) -> list[dict[str, Any]]:
    """Comparisons written before, as plain records; none where there are none or an older version wrote them."""
    import polars

    path = folder / _FILE
    if not path.exists():
        return []
    try:
        frame = polars.read_parquet(path)
    except (polars.exceptions.PolarsError, OSError):
        return []  # damaged: they are computed again
    return frame.to_dicts() if frame.columns == list(Comparison.__annotations__) else []
