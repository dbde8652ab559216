"""A table of many files in pieces is the table of the whole files, each column of one type."""

import io
import json

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import read_rows
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.sources import FilesSource, formats, text_blocks
from clickprompt.table.sources.base import InputsNotFound, TypesWidened
from clickprompt.table.sources.column_pieces import column_pieces

FIELDS = [{"name": "user"}, {"name": "tags", "kind": "list"}, {"name": "n", "kind": "numeric"}]
FRAME = pl.DataFrame(
    {
        "user": [f"ü{i % 3}" for i in range(40)],
        "tags": [[f"t{i % 5}"] * (i % 3) for i in range(40)],
        "n": [i / 2 for i in range(40)],
        "label": [i % 2 for i in range(40)],
    }
)
WRITERS = {
    "parquet": lambda frame, to: frame.write_parquet(to, row_group_size=16),
    "arrow": lambda frame, to: frame.write_ipc(to),
    "ipc": lambda frame, to: frame.write_ipc_stream(to),
    "jsonl": lambda frame, to: frame.write_ndjson(to),
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(formats, "PIECE_ROWS", 7)
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 300)
    monkeypatch.setattr(text_blocks, "CHUNK_BYTES", 100)


def source(path, **more):
    return FilesSource.model_validate({"path": path, "fields": FIELDS, "label": "label", **more})


def pieces(config, bad=None):
    """All pieces, and how often they had to be asked for."""
    types, readings = {}, 1
    while True:
        bad = bad or BadRows()
        try:
            return list(config.pieces(None, bad, types)), readings
        except TypesWidened:
            readings += 1
            bad.forget()


@pytest.mark.parametrize("ending", WRITERS)
def test_pieces_are_the_rows_in_order(ending, tmp_path):
    for place, name in enumerate("ab"):
        WRITERS[ending](FRAME[place * 20 : place * 20 + 20], tmp_path / f"{name}.{ending}")
    bad = BadRows()
    config = source(f"{tmp_path}/*.{ending}")
    found, readings = pieces(config, bad)
    assert all(0 < piece.frame.height <= 7 for piece in found)
    assert pl.concat([piece.frame for piece in found]).select(FRAME.columns).equals(FRAME)
    last = found[-1]
    assert last.provenance.place(last.frame.height - 1) == f"{tmp_path}/b.{ending}, row 20"
    assert bad.seen == 40
    assert readings == 1
    assert read_rows(tmp_path / f"a.{ending}").select(FRAME.columns).equals(FRAME[:20])
    assert config.read(None).frame.select(FRAME.columns).equals(FRAME)


def test_a_row_group_larger_than_a_piece(tmp_path):
    path = tmp_path / "one.parquet"
    pq.write_table(pa.table({"a": pa.array(range(100), pa.date64())}), path, row_group_size=100)
    frames = list(column_pieces(formats.InputFile("one", path), "parquet", 30))
    assert [frame.height for frame in frames] == [30, 30, 30, 10]
    assert frames[0].schema == {"a": pl.Date}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_rows_of_long_texts_come_in_shorter_pieces(kind, tmp_path, monkeypatch):
    path = tmp_path / "long"
    table = pa.table(
        {"a": pa.array([str(i) * 1000 for i in range(10, 50)]).dictionary_encode(), "b": ["x" * 1000] * 40}
    )
    monkeypatch.setattr(f"{column_pieces.__module__}._ROWS_AT_ONCE", 8)
    monkeypatch.setattr(f"{column_pieces.__module__}._PIECE_BYTES", 100_000)
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        feather.write_feather(table, path)
    frames = list(column_pieces(formats.InputFile("long", path), kind, 500))
    assert len(frames) > 1
    assert max(frame.height for frame in frames) <= 16
    assert pl.concat(frames).rows() == list(zip(*table.to_pydict().values(), strict=True))


def test_given_splits_come_piece_by_piece(tmp_path):
    names = dict(zip(("train", "validation", "test"), ("a", "b", "c"), strict=True))
    for place, name in enumerate(names.values()):
        FRAME[place * 10 : place * 10 + 10].write_parquet(tmp_path / f"{name}.parquet")
    config = source(None, **{split: f"{tmp_path}/{name}.parquet" for split, name in names.items()})
    given = [piece.given for piece in pieces(config)[0]]
    wanted = [{split: range(rows)} for split in names for rows in (7, 3)]
    assert given == wanted
    assert config.read(None).given == {"train": range(10), "validation": range(10, 20), "test": range(20, 30)}


def test_columns_that_are_texts_in_one_file_are_texts_in_all(tmp_path):
    FRAME.with_columns(user=pl.lit(1.0), more=pl.lit(7, pl.Int8)).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("user,tags,n,label\n01,x,2.50,1\n")
    (tmp_path / "c.jsonl").write_text('{"user": 1, "tags": ["y"], "n": null, "label": true, "more": 0.5}\n')
    found, _ = pieces(source([f"{tmp_path}/{name}" for name in ("a.parquet", "b.csv", "c.jsonl")]))
    assert len({tuple(piece.frame.schema.items()) for piece in found}) == 1
    frame = pl.concat([piece.frame for piece in found]).select("user", "tags", "n", "label", "more")
    assert frame.schema["more"] == pl.Float64
    assert frame.rows()[-3:] == [
        ("1", ["unknown"], "19.5", "1", 7.0),
        ("01", ["x"], "2.50", "1", None),
        ("1", ["y"], "unknown", "true", 0.5),
    ]


def test_types_that_widen_late_are_learnt_in_one_more_reading(tmp_path):
    rows = [{"user": i, "tags": None, "n": 1, "label": 0} for i in range(30)]
    late = [{"user": "x", "tags": ["t"], "n": 0.5, "label": 1, "new": 1}, {"user": 2, "tags": [], "n": 3, "label": 0}]
    for name, lines in {"a": rows, "b": rows + late, "c": [*rows, {**late[0], "new": "text"}]}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found, readings = pieces(source(f"{tmp_path}/*.jsonl"))
    assert readings == 2
    assert len({tuple(piece.frame.schema.items()) for piece in found}) == 1
    assert found[0].frame.schema == {
        "label": pl.Int64,
        "n": pl.Float64,
        "new": pl.String,
        "tags": pl.List(pl.String),
        "user": pl.String,
    }
    assert [piece.frame["user"][-1] for piece in found if piece.provenance.files[0].endswith("b.jsonl")][-1] == "2"


def test_keys_that_come_late_or_never(tmp_path):
    lines = [{}] * 300 + [{"user": 1, "tags": ["a"], "n": 1, "label": 0}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found, readings = pieces(source(f"{tmp_path}/a.jsonl"))
    assert (sum(piece.frame.height for piece in found), readings) == (301, 2)
    (tmp_path / "a.jsonl").write_text('{"user": 1, "tags": ["a"], "label": 0}\n' * 30)
    with pytest.raises(ClickPromptError, match=r"a\.jsonl: no column 'n' for the field"):
        pieces(source(f"{tmp_path}/a.jsonl"))


def test_files_without_rows_are_refused(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.clear().write_parquet(tmp_path / "b.parquet")
    with pytest.raises(ClickPromptError, match=r"b\.parquet: the file has no rows"):
        pieces(source(f"{tmp_path}/*.parquet"))


def test_remote_files_are_found_read_and_told_apart():
    memory = fsspec.filesystem("memory")
    try:
        for name, rows in {"a": FRAME[:20], "b": FRAME[20:]}.items():
            for ending, write in WRITERS.items():
                content = io.BytesIO()
                write(rows, content)
                memory.pipe(f"/bucket/{name}.{ending}", content.getvalue())
        for ending in WRITERS:
            config = source(f"memory://bucket/*.{ending}")
            assert config.read(None).frame.select(FRAME.columns).equals(FRAME)
        assert [file.path.suffix for file in config.inputs()] == [".jsonl", ".jsonl"]
        before = [file.fingerprint() for file in config.inputs()]
        assert before == [file.fingerprint() for file in config.inputs()]
        memory.pipe("/bucket/b.jsonl", b"{}\n")
        after = [file.fingerprint() for file in config.inputs()]
        assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
        memory.pipe("/bucket/x.csv", b"user,tags,n,label\nu,a,1,1\n")
        assert read_rows("memory://bucket/x.csv").height == 1
    finally:
        memory.rm("/bucket", recursive=True)
    with pytest.raises(InputsNotFound, match=r"memory://bucket/x\.csv: no such file; check data\.source\.path"):
        source("memory://bucket/x.csv").inputs()
    with pytest.raises(ClickPromptError, match=r"nowhere://me:\*\*\*|nowhere://\*\*\*@x: no such protocol is known"):
        source("nowhere://me:secret@x").inputs()
