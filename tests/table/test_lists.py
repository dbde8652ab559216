"""List fields, against an encoder of dictionaries and loops."""

from __future__ import annotations

from collections import Counter

import mmh3
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickprompt.contracts import Field, TableSchema
from clickprompt.table.counting import counted
from clickprompt.table.factors import CellError, factorise
from clickprompt.table.lists import as_list_column, factorise_lists
from clickprompt.table.values import number_values

ITEMS = st.sampled_from(["a", " b", "b", "c c", "", "unknown", "d, e", "d", "e", "é", None])
CELLS = st.lists(st.one_of(st.none(), st.lists(ITEMS, max_size=6)), min_size=2, max_size=30)
FIELDS = st.builds(
    lambda most, keep, rows: Field(name="l", kind="list", max_items=most, keep=most and keep, hash_rows=rows),
    st.one_of(st.none(), st.integers(1, 4)),
    st.sampled_from(["first", "last"]),
    st.one_of(st.none(), st.integers(1, 6)),
)


def slowly(cell: list[str | None] | None, field: Field) -> list[str]:
    """The items of a cell, as the docs say it."""
    items = [item.strip() for item in cell or [] if item is not None and item.strip() not in ("", "unknown")]
    if field.max_items is not None:
        items = items[: field.max_items] if field.keep == "first" else items[-field.max_items :]
    return items or ["unknown"]


@settings(deadline=None, max_examples=40)
@given(CELLS, FIELDS, st.integers(1, 3))
def test_rows_read_back_as_a_slow_encoder_reads_them(cells, field, min_count):
    schema = TableSchema(fields=(Field(name="plain"), field, Field(name="price", kind="numeric")))
    rows, train = len(cells), np.arange(0, len(cells), 2)
    columns = [[f"v{row % 3}" for row in range(rows)], cells, [row % 5 for row in range(rows)]]
    factors = [factorise(columns[0]), factorise_lists(cells, field), factorise(columns[2], numeric=True)]
    values = number_values(schema, factors, [counted(of.codes, train, len(of.texts)) for of in factors], min_count, 4)

    lists = [slowly(cell, field) for cell in cells]
    seen = Counter(item for row in train for item in set(lists[row]))
    start, stop = values.offsets[1:3]
    if field.hash_rows is None:
        earned = sorted((item for item in seen if seen[item] >= min_count), key=lambda item: (-seen[item], item))
        row_of = {item: start + place for place, item in enumerate(earned)}
        assert values.texts[start:stop] == earned
        counts = [seen[item] for item in earned]
    else:
        row_of = {i: start + mmh3.hash(i, 0, signed=False) % field.hash_rows for cell in lists for i in cell}
        counts = [sum(any(row_of[i] == r for i in lists[row]) for row in train) for r in range(start, stop)]
        assert stop - start == field.hash_rows
    assert values.train_counts[start:stop].tolist() == counts

    index = values.value_of_code[1][factors[1].codes]
    assert (index >= values.offsets[-1]).all()
    assert (values.embedding_rows[index] == values.offsets[-1] + 1).all()
    assert len(values.members) == len(values.texts) == len(values.embedding_rows)
    found = values.members.take(index)
    for row, items in enumerate(lists):
        assert values.texts[index[row]] == ", ".join(items)
        members = found.rows[found.offsets[row] : found.offsets[row + 1]].tolist()
        assert members == [row_of.get(item, values.offsets[-1] + 1) for item in items]
    others = np.concatenate([values.value_of_code[0], values.value_of_code[2], np.arange(values.offsets[-1])])
    assert not values.members.lengths[others].any()


@settings(deadline=None, max_examples=40)
@given(CELLS)
def test_every_kind_of_column_gives_the_same_lists(cells):
    field = Field(name="l", kind="list", separator="|")
    series = pl.Series(cells, dtype=pl.List(pl.String))
    texts = ["|".join(item or "" for item in cell or []) for cell in cells]
    wanted = [slowly(cell, field) for cell in cells]
    shapes = (cells, series, series.to_arrow(), pa.array(cells, pa.list_(pa.string())), texts, np.array(texts))
    for column in (*shapes, pl.Series(texts), pl.Series(texts, dtype=pl.Categorical), pa.array(texts)):
        factors = factorise_lists(column, field)
        taken = factors.members.take(factors.codes)
        bounds = zip(taken.offsets, taken.offsets[1:], strict=False)
        assert [[factors.items[i] for i in taken.rows[low:high]] for low, high in bounds] == wanted
        assert as_list_column(column, field).to_pylist() == wanted


def test_lists_of_one_text_stay_apart():
    factors = factorise_lists([["a, b"], ["a", "b"], ["a, b"]], Field(name="l", kind="list"))
    assert factors.codes.tolist() == [0, 1, 0]
    assert factors.texts == ["a, b", "a, b"]
    assert factors.members.lengths.tolist() == [1, 2]


def test_a_cell_without_separator_is_one_item():
    factors = factorise_lists(["a|b", "c", 3, 2.0, None], Field(name="l", kind="list"))
    assert factors.items == ["a|b", "c", "3", "2", "unknown"]
    assert factors.members.lengths.tolist() == [1] * 5


def test_items_are_canonical():
    factors = factorise_lists([[1, 2.0, True], [np.float32(0.1), None], np.array([1, 2])], Field(name="l", kind="list"))
    assert factors.texts == ["1, 2, true", "0.1", "1, 2"]


@pytest.mark.parametrize("column", [[["a"], [], ["b", {"c": 1}]], pl.Series([[], None, [{"c": 1}]])])
def test_an_item_without_text_is_named_with_its_row(column):
    with pytest.raises(CellError, match=r"is a mapping; expected a text") as caught:
        factorise_lists(column, Field(name="l", kind="list"))
    assert caught.value.row == 2


@pytest.mark.parametrize(
    "column",
    [
        [["a"], [], None, ["b", ("c",)]],
        [np.array(["a"]), None, None, np.array([["a", "b"]])],
        pl.Series([None, [], [None], [["b"], ["c"]]]),
        pa.array([None, [], [None], [["b"], ["c"]]]),
    ],
)
def test_lists_of_lists_are_refused_with_their_row(column):
    with pytest.raises(CellError, match="is a list of lists; expected a list of texts") as caught:
        factorise_lists(column, Field(name="l", kind="list"))
    assert caught.value.row == 3


def test_no_rows():
    factors = factorise_lists([], Field(name="l", kind="list"))
    assert (len(factors.codes), factors.texts, factors.items, len(factors.members)) == (0, [], [], 0)
