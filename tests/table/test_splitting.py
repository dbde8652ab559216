"""Sizes of the published tables, a total order in time, duplicates."""

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table.columns import field_factors, labels
from clickprompt.table.config import SplitConfig
from clickprompt.table.raw import Provenance, RawTable
from clickprompt.table.splitting import chosen_order, first_of_equals, sampled, split_rows, split_sizes, tie_keys

# table 1 of the ClickPrompt paper: train, validation, test
PUBLISHED = {
    "MovieLens-1M": (591208, 73902, 73902),
    "BookCrossing": (824936, 103117, 103118),
    "Amazon-Toys": (1489782, 186223, 186223),
    "GoodReads": (16097632, 2012204, 2012204),
}


@pytest.mark.parametrize("sizes", PUBLISHED.values(), ids=PUBLISHED)
@pytest.mark.parametrize("ratios", [(0.8, 0.1, 0.1), (8, 1, 1)])
def test_published_sizes(sizes, ratios):
    assert split_sizes(sum(sizes), ratios) == sizes


@given(st.integers(0, 10**9))
def test_tenths_are_exact(rows):
    train, validation, test = split_sizes(rows, (0.8, 0.1, 0.1))
    assert test == -(-rows // 10)
    assert validation == -(-(rows - test) // 9)
    assert train + validation + test == rows
    assert Fraction(test, 1) - Fraction(rows, 10) < 1


def table_of(frame, **more):
    schema = TableSchema(fields=(Field(name="user"), Field(name="item")))
    provenance = Provenance(("rows",), (frame.height,))
    return RawTable(frame, schema, provenance, label="label", **more)


def clicks(rows, seed):
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user": random.choice(["a", "b", "ä", "B"], rows),
            "item": random.integers(0, 5, rows),
            "label": random.integers(0, 2, rows),
            "time": random.integers(0, rows // 4, rows),
        }
    )


def in_time(frame):
    table = table_of(frame, timestamp="time")
    ties = tie_keys(field_factors(table), labels(table), None)
    splits = split_rows(SplitConfig(), table, "time", np.arange(frame.height), ties)
    return [frame[rows].rows() for rows in splits.values()]


def test_time_order_is_total_whatever_the_order_of_the_file():
    frame = clicks(400, 0)
    splits = in_time(frame)
    # the textbook: sort by time, then by every other column as text
    wanted = sorted(frame.rows(), key=lambda row: (row[3], row[0], str(row[1]), row[2]))
    assert [row for split in splits for row in split] == wanted
    assert list(map(len, splits)) == [320, 40, 40]
    assert in_time(frame.sample(fraction=1, shuffle=True, seed=3)) == splits


def test_shuffle_is_a_seeded_permutation():
    frame, rows = clicks(100, 1), np.arange(100)
    table = table_of(frame)
    first, again, other = (
        np.concatenate(list(split_rows(SplitConfig(seed=seed), table, "shuffle", rows, ()).values()))
        for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()
    assert sorted(first) == rows.tolist()


def test_a_sample_is_a_seeded_share_in_the_order_of_the_rows():
    rows = np.arange(5, 1005)
    some, again, other = (sampled(SplitConfig(seed=seed, sample=0.123), rows) for seed in (1, 1, 2))
    assert (some == again).all()
    assert (some != other).any()
    assert len(some) == 123
    assert (np.diff(some) > 0).all()
    assert set(some) <= set(rows)
    assert sampled(SplitConfig(), rows) is rows
    shares = [np.isin(rows, sampled(SplitConfig(seed=seed, sample=0.5), rows)) for seed in range(60)]
    assert np.allclose(
        np.mean(shares, axis=0).reshape(4, 250).mean(1), 0.5, atol=0.02
    )  # no part of the file is favoured


@pytest.mark.parametrize("share", [0, 1.01, -0.5])
def test_a_sample_is_a_share(share):
    with pytest.raises(ValueError, match="sample"):
        SplitConfig(sample=share)


def test_duplicates_are_equal_in_every_column():
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "a", "a"],
            "item": [1, 1, 1, 1],
            "label": [0, 0, 1, 0],
            "tags": [["x"], ["x"], ["x"], ["y"]],
        }
    )
    assert first_of_equals(table_of(frame), "shuffle").tolist() == [0, 2, 3]
    given_splits = {"train": range(1), "validation": range(1, 2), "test": range(2, 4)}
    assert first_of_equals(table_of(frame, given=given_splits), "given").tolist() == [0, 1, 2, 3]


def test_auto_takes_what_the_source_has():
    frame = clicks(10, 0)
    everything = {"train": range(6), "validation": range(6, 8), "test": range(8, 10)}
    assert chosen_order(SplitConfig(), table_of(frame)) == "shuffle"
    assert chosen_order(SplitConfig(), table_of(frame, timestamp="time")) == "time"
    assert chosen_order(SplitConfig(), table_of(frame, timestamp="time", given=everything)) == "given"
    with pytest.raises(ClickPromptError, match="no timestamp"):
        chosen_order(SplitConfig(order="time"), table_of(frame))
    with pytest.raises(ClickPromptError, match="one split"):
        chosen_order(SplitConfig(order="given"), table_of(frame))
