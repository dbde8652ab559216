"""Columns of every kind give, row by row, the text that `canonical_text` gives."""

import datetime as dt

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from clickprompt.table.canonical import canonical_text
from clickprompt.table.factors import CellError, factorise

COLUMNS = {
    "texts": ["b", "a ", None, "a", "", "b"],
    "integers": [3, 1, None, 3],
    "floats": [0.1, 2.0, float("nan"), None, -0.0, 0.0],
    "truths": [True, False, None],
    "dates": [dt.date(2024, 5, 1), None, dt.date(2024, 5, 1)],
    "times": [dt.datetime(2024, 5, 1, 1, 2, 3, 4), None],
    "lists": [["a", "b"], [], None, ["a ", None, "b"], ["c"]],
    "number lists": [[1, 2], [2], None, [1, 2]],
}


def in_chunks(cells):
    whole = pa.array(cells)
    return pa.chunked_array([whole.slice(0, 2), whole.slice(2)])


def rows(factors):
    return [factors.texts[code] for code in factors.codes]


@pytest.mark.parametrize("cells", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("wrap", [list, pl.Series, pa.array, in_chunks])
def test_every_row_keeps_its_text(cells, wrap):
    factors = factorise(wrap(cells))
    assert rows(factors) == [canonical_text(cell) for cell in cells]
    assert len(set(factors.texts)) == len(factors.texts)
    assert factors.codes.dtype == np.int32


def test_arrays_and_categories():
    assert rows(factorise(np.array([0.1, 0.2, 0.1], dtype=np.float32))) == ["0.1", "0.2", "0.1"]
    assert rows(factorise(pl.Series([0.1, 3.0], dtype=pl.Float32))) == ["0.1", "3"]
    assert rows(factorise([np.float32(0.1), np.float32(3)])) == ["0.1", "3"]
    assert rows(factorise(pl.Series(["x", None, " x"], dtype=pl.Categorical))) == ["x", "unknown", "x"]
    assert rows(factorise(np.array(["x", "y"]))) == ["x", "y"]
    assert factorise(["x", np.str_("x"), "y"]).texts == ["x", "y"]
    assert rows(factorise([1, "a", None, 2.5, True])) == ["1", "a", "unknown", "2.5", "true"]
    nanoseconds = pa.array([1_714_525_323_000_004_001], pa.timestamp("ns"))
    assert rows(factorise(nanoseconds)) == ["2024-05-01T01:02:03.000004"]
    pandas = pytest.importorskip("pandas")
    assert rows(factorise(pandas.Series(["x", None]))) == ["x", "unknown"]
    assert rows(factorise(pandas.Series([1, None]))) == ["1", "unknown"]


def test_pandas_columns_keep_their_text():
    pandas = pytest.importorskip("pandas")
    narrow = np.array([0.1, np.nan], dtype=np.float32)
    kinds = {
        "float32": pandas.Series(narrow),
        "nullable": pandas.Series([0.1, None], dtype="Float32"),
        "categories": pandas.Series(narrow).astype("category"),
        "objects": pandas.Series([np.float32(0.1), None], dtype=object),
        "sparse": pandas.Series(pandas.arrays.SparseArray(narrow)),
    }
    for name, column in kinds.items():
        assert rows(factorise(column)) == ["0.1", "unknown"], name
        assert rows(factorise(column, numeric=True)) == ["0.1", "unknown"], name
    mixed = [1, 1.5, "a", True, None, np.nan, pandas.NA, pandas.NaT, np.float32(0.1), 0.1]
    texts = ["1", "1.5", "a", "true", *["unknown"] * 4, "0.1", "0.1"]
    assert rows(factorise(pandas.Series(mixed, dtype=object))) == texts
    with pytest.raises(CellError, match="expected a text"):
        factorise(pandas.Series(pandas.period_range("2020", periods=2, freq="Y")))


def test_arrays_of_two_widths_are_two_values():
    wide, narrow = np.array([0.1], dtype=np.float32).astype(float), np.array([0.1], dtype=np.float32)
    assert rows(factorise([narrow, wide, narrow])) == ["0.1", "0.10000000149011612", "0.1"]


def test_sliced_lists_keep_their_rows():
    lists = pa.array([["a"], ["b", "c"], None, ["d"]])
    assert rows(factorise(lists.slice(1))) == ["b, c", "unknown", "d"]


def test_empty_column():
    factors = factorise([])
    assert factors.codes.shape == (0,)
    assert factors.texts == []


def test_the_first_bad_row_is_named():
    with pytest.raises(CellError, match="cheap") as caught:
        factorise(["1", "2", "cheap", "dear", "cheap"], numeric=True)
    assert caught.value.row == 2
    with pytest.raises(CellError, match="mapping"):
        factorise([{"a": 1}])


def test_numbers_go_by_their_text():
    single = factorise(np.array([0.1], dtype=np.float32), numeric=True)
    assert single.numbers().tolist() == [0.1]
    assert factorise(["3.0", "3", "", "NA"], numeric=True).texts == ["3", "unknown"]
