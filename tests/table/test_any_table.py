"""Tables of any kind: preparing them works and keeps every text, or it says in one line which file is at fault."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from any_tables import ROWS, columns, json_line, json_values, names, raw_bytes, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clickprompt.settings import ClickPromptError
from clickprompt.table import DataConfig, PreparedTable, prepare_table
from clickprompt.table.canonical import canonical_number, canonical_text

EXAMPLES = int(os.environ.get("CLICKPROMPT_EXAMPLES", "15"))
"""More by hand: CLICKPROMPT_EXAMPLES=3000."""

thorough = settings(
    max_examples=EXAMPLES,
    derandomize="CLICKPROMPT_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


class Quiet:
    """A progress that says nothing."""

    def start(self, task: str, total: int | None, unit: str):
        return lambda done, note: None

    def say(self, line: str) -> None:
        pass


def prepared(folder: Path, **data: Any) -> PreparedTable | None:
    """The prepared table; None where it was refused, in one line that names the file or the setting."""
    try:
        config = DataConfig.model_validate(data)
    except ValidationError:
        return None
    try:
        return prepare_table(config, folder / "prepared", Quiet())
    except ClickPromptError as error:
        line = str(error)
        assert line.isprintable(), line
        assert len(line) < 2100, line
        assert "rows." in line or "field" in line or "data." in line, line
        assert sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "prepared"))) == []
        return None


def given_thrice(path: Path, fields: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The same file as all three splits, whose rows then keep their order."""
    same = dict.fromkeys(("train", "validation", "test"), str(path).replace("[", "[[]"))
    return {
        "source": {"kind": "files", **same, "fields": fields, "label": "label", **more},
        "split": {"drop_duplicates": False},
    }


def shown(table: PreparedTable, place: int) -> list[str]:
    """Texts of a field, row by row, as they lie in the prepared folder."""
    return (
        table.value_texts[0].take(pa.array(np.ascontiguousarray(table.split("test").value_ids[:, place]))).to_pylist()
    )


def raw_cells(column: pa.Array) -> list[Any]:
    """Cells as Python has them, float32 with its width."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    if pa.types.is_duration(column.type) and column.type.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    if pa.types.is_time64(column.type):
        column = column.cast(pa.time64("us"), safe=False)
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        return [None if cell is None else column.type.to_pandas_dtype()(cell) for cell in column.to_pylist()]
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
        return [None if not cell.is_valid else raw_cells(cell.values) for cell in column]
    return column.to_pylist()


kinds = st.sampled_from(["categorical", "text", "numeric", "list", "hashed"])


def field(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "kind": "categorical", "hash_rows": 7} if kind == "hashed" else {"name": name, "kind": kind}


@thorough
@given(st.data())
def test_columns_of_any_type(data: st.DataObject):
    rows = data.draw(ROWS)
    named = data.draw(st.lists(names, min_size=1, max_size=3, unique=data.draw(st.sampled_from([True, True, False]))))
    arrays = [data.draw(columns(rows)) for _ in named]
    plain = st.just(pa.array([row % 2 for row in range(rows)], pa.int8()))
    labels = data.draw(st.one_of(plain, plain, plain, columns(rows)))
    frame = pa.table([*arrays, labels], names=[*named, "label"])
    chosen = data.draw(st.lists(st.sampled_from(named), min_size=1, max_size=2))
    of = [data.draw(kinds) for _ in chosen]
    more = {
        use: data.draw(st.one_of(st.none(), st.none(), st.none(), st.sampled_from(named)))
        for use in ("weight", "timestamp")
    }
    ending = data.draw(st.sampled_from(["parquet", "arrow"]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = folder / f"rows.{ending}"
        try:
            if ending == "parquet":
                pq.write_table(frame, path)
            else:
                with pa.ipc.new_file(path, frame.schema) as writer:
                    writer.write_table(frame)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            return  # a type that the format does not have
        fields = [field(name, kind) for name, kind in zip(chosen, of, strict=True)]
        table = prepared(folder, **given_thrice(path, fields, **more))
        if table is None:
            return
        assert table.split("test").labels.tolist() == [float(cell) for cell in labels.to_pylist()]
        for number, (name, kind) in enumerate(zip(chosen, of, strict=True)):
            cells = raw_cells(frame[name].combine_chunks())
            wanted = [_number(cell) if kind == "numeric" else canonical_text(cell) for cell in cells]
            assert shown(table, number) == wanted, (kind, frame[name].type)


@thorough
@given(st.data())
def test_lines_of_json(data: st.DataObject):
    keys = data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    cells = data.draw(
        st.dictionaries(st.sampled_from(keys), st.sampled_from([texts, st.integers(), json_values]), min_size=1)
    )
    records = [
        {key: data.draw(cells[key]) for key in data.draw(st.lists(st.sampled_from(list(cells)), unique=True))}
        for _ in range(data.draw(ROWS))
    ]
    raw = data.draw(st.booleans())
    lines = [json_line(record | {"label": row % 2}, raw) for row, record in enumerate(records)]
    if data.draw(st.integers(0, 9)) == 0:
        lines.append(data.draw(st.sampled_from(["{", "[]", "null", '{"label": 1, "label": 0}', "\ufeff{}"])))
    chosen = data.draw(st.sampled_from(list(cells)))
    kind = data.draw(kinds)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = folder / "rows.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8", newline="")
        table = prepared(folder, **given_thrice(path, [field(chosen, kind)]))
        if table is None:
            return
        read = [
            json.loads(line, object_pairs_hook=lambda pairs: dict(pairs[::-1])) for line in lines
        ]  # the first counts
        assert table.split("test").labels.tolist() == [record["label"] for record in read]
        plain = [record.get(chosen) for record in read]
        if all(isinstance(cell, str | None) for cell in plain) and kind in ("categorical", "text", "hashed"):
            assert shown(table, 0) == [canonical_text(cell) for cell in plain]


@thorough
@given(st.data())
def test_delimited_cells(data: st.DataObject):
    header = data.draw(st.lists(names, min_size=1, max_size=3, unique=True).filter(lambda some: "label" not in some))
    rows = [[data.draw(texts) for _ in header] for _ in range(data.draw(ROWS))]
    chosen, kind = data.draw(st.integers(0, len(header) - 1)), data.draw(kinds)
    separator = data.draw(st.sampled_from([",", ";", "\t", "::", "|"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "latin-1", "cp1252"]))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator[0], lineterminator=data.draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerows([[*header, "label"], *([*row, number % 2] for number, row in enumerate(rows))])
    content = text.getvalue().encode(encoding, errors="replace")
    if len(separator) == 1 and data.draw(st.integers(0, 5)) == 0:
        content += data.draw(raw_bytes)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = folder / "rows.csv"
        path.write_bytes(content)
        more = {"separator": separator, "encoding": encoding}
        table = prepared(folder, **given_thrice(path, [field(header[chosen], kind)], **more))
        if table is None or len(separator) > 1:
            return
        reader = csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=separator)
        cells = [row[chosen] for row in list(reader)[1:] if row]
        if kind in ("categorical", "text", "hashed"):
            assert shown(table, 0) == [canonical_text(cell) for cell in cells]


@thorough
@given(st.data())
def test_files_of_two_types(data: st.DataObject):
    """Training rows from one file, the others from a second whose columns may be of other types."""
    kind, endings = data.draw(kinds), [data.draw(st.sampled_from(["parquet", "arrow"])) for _ in range(2)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        frames, paths = [], [folder / f"{part}.rows.{ending}" for part, ending in enumerate(endings)]
        for path in paths:
            frame = pa.table([data.draw(columns(4)), pa.array([0, 1, 0, 1])], names=["a", "label"])
            try:
                if path.suffix == ".parquet":
                    pq.write_table(frame, path)
                else:
                    with pa.ipc.new_file(path, frame.schema) as writer:
                        writer.write_table(frame)
            except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
                return
            frames.append(frame)
        settings_ = given_thrice(paths[0], [field("a", kind)])
        settings_["source"] |= dict.fromkeys(("validation", "test"), str(paths[1]))
        table = prepared(folder, **settings_)
        if table is None:
            return
        of_one_type = frames[0].schema == frames[1].schema
        if kind != "numeric" and (of_one_type or not any(_is_number(frame["a"].type) for frame in frames)):
            assert shown(table, 0) == [canonical_text(cell) for cell in raw_cells(frames[1]["a"].combine_chunks())]


def _number(cell: Any) -> str:
    return canonical_number(canonical_text(cell) if isinstance(cell, list) else cell)  # a list of one number is one


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
