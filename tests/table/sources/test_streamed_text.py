"""Text files come in pieces that do not depend on where they are cut."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickprompt.settings import ClickPromptError
from clickprompt.table import read_rows
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources import delimited_pieces, text_blocks
from clickprompt.table.sources.delimited_header import Layout
from clickprompt.table.sources.json_lines import settled
from clickprompt.table.sources.json_pieces import json_pieces

LARGE = 1 << 20
quick = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def cut(monkeypatch):
    """Set the size of blocks."""

    def to(size):
        monkeypatch.setattr(text_blocks, "BLOCK_BYTES", size)
        monkeypatch.setattr(text_blocks, "CHUNK_BYTES", max(1, size // 3))
        monkeypatch.setattr(delimited_pieces, "_HEADER_BYTES", max(30, size))

    return to


def delimited(path, layout, policy="error"):
    """Rows, their numbers, bad rows and rows seen."""
    bad = BadRows(policy, 1)
    pieces = list(delimited_pieces.delimited_pieces(InputFile("f.csv", path), layout, bad))
    numbers = [number for _, some in pieces for number in some.tolist()]
    return (
        pl.concat([frame for frame, _ in pieces]).rows(),
        numbers,
        [(b.row, b.line, b.reason) for b in bad.rows],
        bad.seen,
    )


cells = st.text(st.sampled_from('ab",\n é\U0001f9ff5'), max_size=6)


@quick
@given(
    st.lists(st.tuples(cells, cells).filter(any), min_size=1, max_size=12),
    st.integers(3, 60),
    st.sampled_from([("\n", "utf-8"), ("\r\n", "utf-8-sig"), ("\r\n", "utf-16")]),
)
def test_a_block_never_ends_within_a_quoted_cell(tmp_path_factory, rows, size, layout):
    path = tmp_path_factory.mktemp("cut") / "f.csv"
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=layout[0]).writerows([("x", "y"), *rows])
    path.write_bytes(written.getvalue().encode(layout[1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK_BYTES", size)
        patch.setattr(text_blocks, "CHUNK_BYTES", max(1, size // 3))
        patch.setattr(delimited_pieces, "_HEADER_BYTES", 30)
        found = delimited(path, Layout(",", layout[1]))
    assert found == (rows, list(range(1, len(rows) + 1)), [], len(rows))


LINES = [
    "a,b",
    'a,"b\nc"',
    '"x",y',
    "a",
    "a,b,c",
    '5" nails,2',
    '"open,1',
    'q,"z""w"',
    "",
    '1,"a" b',
    "\udcff,1",
    "k,7",
]


@pytest.mark.parametrize("size", [7, 20, 45])
def test_bad_lines_are_the_same_wherever_blocks_end(size, tmp_path, cut):
    path = tmp_path / "f.csv"
    path.write_bytes(("x,y\n" + "\n".join(LINES * 2) + "\n").encode("utf-8", "surrogateescape"))
    cut(LARGE)
    whole = delimited(path, Layout(), "skip")
    assert [number for number, _, _ in whole[2]] == [
        4,
        5,
        7,
        9,
        10,
        15,
        16,
        18,
        20,
        21,
    ]  # '"open,1' takes the next line
    assert [line for _, line, _ in whole[2]][:3] == [6, 7, 9]
    cut(size)
    assert delimited(path, Layout(), "skip") == whole


LOOSE = {'"a\n"b,1': [3, 4], '"x"""a,1': [3], '"a,"b': [3], " ": [3], '""c,1': [3]}


@pytest.mark.parametrize("size", [5, LARGE])
def test_a_loose_quote_is_a_fault_wherever_blocks_end(size, tmp_path, cut):
    cut(size)
    path = tmp_path / "f.csv"
    for line, wanted in LOOSE.items():
        path.write_text(f'x,y\n"x""",""\n{line}\n')
        rows, _, faults, seen = delimited(path, Layout(), "skip")
        assert (rows, [at for _, at, _ in faults], seen) == ([('x"', "")], wanted, 1 + len(wanted)), line


def test_a_separator_of_several_letters_may_stand_within_quotes(tmp_path):
    path = tmp_path / "f.csv"
    path.write_bytes(b'"x::z"::y\n"a::b"::1\n')
    assert read_rows(path, separator="::").to_dict(as_series=False) == {"x::z": ["a::b"], "y": ["1"]}
    path.write_bytes(path.read_bytes() + b"c\n")  # read record by record
    assert read_rows(path, separator="::", bad=BadRows("skip", 1)).rows() == [("a::b", "1")]


def test_an_endless_line_of_json_is_refused_before_it_fills_the_memory(tmp_path, cut, monkeypatch):
    cut(16)
    monkeypatch.setattr(text_blocks, "LONGEST_LINE", 64)
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n[' + b'{"a": 1},' * 1_000_000))
    with pytest.raises(ClickPromptError, match="a line of more than 64 bytes"):
        list(json_pieces(InputFile("f", path), {"a": pl.Int64}, BadRows()))


@pytest.mark.parametrize("size", [11, 64, LARGE])
def test_faults_are_named_by_their_line_in_the_file(size, tmp_path, cut):
    cut(size)
    path = tmp_path / "f.csv"
    path.write_bytes(b'x::y\r\n"a\r\nb"::1\r\n' + b"c::2\r\n" * 20 + b"d\r\n" + b"e::3\r\n" * 9)
    with pytest.raises(ClickPromptError, match=r"^f\.csv, line 24: too few cells, 1 where the table has 2 columns"):
        delimited(path, Layout("::"))
    path.write_bytes(b"x,y\n" + b"a,b\n" * 20 + b"\xeb,1\n" + b"a,b\n" * 9)
    with pytest.raises(ClickPromptError, match=r"line 22: byte 0xeb is not utf-8 text; set .* encoding: latin-1$"):
        delimited(path, Layout())
    assert delimited(path, Layout(encoding="latin-1"))[0][20] == ("ë", "1")


PACKED = {
    "gz": lambda text: gzip.compress(text[:100]) + gzip.compress(text[100:]),  # two members
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda text: pa.compress(text, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("ending", PACKED)
def test_compressed_texts(ending, tmp_path, cut):
    cut(50)
    text = "".join(f'"é{i}","two\nlines"\n' for i in range(200)).encode()
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(PACKED[ending](b"x,y\n" + text))
    assert read_rows(path).rows() == [(f"é{i}", "two\nlines") for i in range(200)]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ClickPromptError, match=rf"a\.csv\.{ending}: the \.{ending} file ends too early"):
        read_rows(path)
    path.write_bytes(b"x,y\n1,2\n" * 9)
    with pytest.raises(ClickPromptError, match=rf"a\.csv\.{ending}: not a whole \.{ending} file"):
        read_rows(path)


values = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([0.5, 2.0, "a", "[x]", "é" * 9, 10**22]))


@quick
@given(st.lists(st.fixed_dictionaries({}, optional={"a": values, "b": values}), min_size=1), st.integers(3, 80))
def test_types_of_json_lines_are_those_of_the_whole_file(tmp_path_factory, records, size):
    path = tmp_path_factory.mktemp("cut") / "f.jsonl"
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(lines)
    wanted = pl.read_ndjson(lines.encode(), infer_schema_length=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK_BYTES", size)
        patch.setattr(text_blocks, "CHUNK_BYTES", 7)
        frame = settled(InputFile("f.jsonl", path), "utf-8")
    assert frame.equals(wanted.select(sorted(wanted.columns)))


@pytest.mark.parametrize("size", [20, LARGE])
def test_json_of_several_types_far_apart(size, tmp_path, cut):
    cut(size)
    path = tmp_path / "f.jsonl"
    path.write_text('{"g": ["a"]}\n' * 9 + '{"g": "b"}\n')
    with pytest.raises(ClickPromptError, match=re.escape("f.jsonl, line 10: g is a text here and a list in line 1")):
        settled(InputFile("f.jsonl", path), "utf-8")
    path.write_text('{"g": "b"}\n' * 3 + '{"g": ["a"]}\n' * 9)
    bad = BadRows("skip", 1)
    assert settled(InputFile("f.jsonl", path), "utf-8", bad).rows() == [(["a"],)] * 9
    assert [(b.row, b.reason) for b in bad.rows] == [
        (i, "g is a text here and a list in most lines") for i in (1, 2, 3)
    ]


@pytest.mark.parametrize("size", [16, LARGE])
def test_json_of_a_known_schema(size, tmp_path, cut):
    cut(size)
    path = tmp_path / "f.jsonl.gz"
    lines = ['{"a": 1, "b": "x", "more": {}}', "", '{"a": 2, "b": ["y"]}', '{"b": "[REC]"}', "{", "[1]", '{"a": "x"}']
    text = "\ufeff" + "\n".join([*lines, '{"b": "\udcff"}', '{"b": 3.5, "a": 3}'])
    path.write_bytes(gzip.compress(text.encode("utf-8", "surrogateescape")))
    types = {"a": pl.Int64, "b": pl.String}
    bad = BadRows("quarantine", 1)
    pieces = list(json_pieces(InputFile("f", path), types, bad, rows=2))
    assert all(frame.schema == types and frame.height <= 2 for frame, _ in pieces)
    assert [row for frame, _ in pieces for row in frame.rows()] == [(1, "x"), (None, "[REC]"), (3, "3.5")]
    assert [number for _, numbers in pieces for number in numbers.tolist()] == [1, 3, 8]
    assert [(b.row, b.line) for b in bad.rows] == [(2, 3), (4, 5), (5, 6), (6, 7), (7, 8)]
    assert bad.seen == 8
    assert bad.rows[-1].content == '{"b": "\\xff"}'
    message = "f, line 3: b is a list here, which is not the expected String; mend or remove the line"
    with pytest.raises(ClickPromptError, match=re.escape(message)):
        list(json_pieces(InputFile("f", path), types, BadRows()))
