"""Sizes of the published tables, a total order in time, duplicates."""

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table import time_order
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.config import SplitConfig
from clickprompt.table.duplicates import repeated
from clickprompt.table.raw import Provenance, RawTable
from clickprompt.table.rows import read_rows, row_hashes
from clickprompt.table.scratch import scratch_beside
from clickprompt.table.sources.base import SourceConfig
from clickprompt.table.splitting import chosen_order, sampled, split_rows, split_sizes
from clickprompt.workflows.progress import SilentProgress

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


def table_of(frame, grouped=False, **more):
    schema = TableSchema(fields=(Field(name="user"), Field(name="item")), group_field="user" if grouped else None)
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


class Frames(SourceConfig):
    """Pieces that are there already."""

    tables: tuple[Any, ...]

    def inputs(self):
        return ()

    def read(self, progress, bad=None):
        raise NotImplementedError

    def pieces(self, progress, bad, types):
        yield from self.tables


def splits_of(folder, frame, config=SplitConfig(), pieces=1, rows=None, **more):  # noqa: B008
    """What each split holds, as rows of the frame; read in so many pieces."""
    parts = tuple(table_of(frame[some], **more) for some in np.array_split(np.arange(frame.height), pieces))
    with scratch_beside(folder / "prepared") as scratch:
        table = read_rows(Frames(tables=parts), config, scratch, BadRows(), SilentProgress(), {})
        rows = np.arange(frame.height) if rows is None else rows
        return {name: of.tolist() for name, of in split_rows(config, table, rows, scratch).items()}


@pytest.mark.parametrize(("pieces", "most"), [(1, 1 << 23), (7, 1 << 23), (7, 20)])
def test_time_order_is_total_whatever_the_order_of_the_file(tmp_path, monkeypatch, pieces, most):
    monkeypatch.setattr(time_order.in_time_order, "__defaults__", (most,))
    frame = clicks(400, 0)
    splits = splits_of(tmp_path, frame, pieces=pieces, timestamp="time")
    # the textbook: sort by time, then by every other column as text
    wanted = sorted(frame.rows(), key=lambda row: (row[3], row[0], str(row[1]), row[2]))
    held = [frame[rows].rows() for rows in splits.values()]
    assert [row for split in held for row in split] == wanted
    assert list(map(len, held)) == [320, 40, 40]
    mixed = frame.sample(fraction=1, shuffle=True, seed=3)
    assert [mixed[rows].rows() for rows in splits_of(tmp_path, mixed, timestamp="time").values()] == held


def test_times_that_are_whole_in_some_pieces_are_compared_as_numbers(tmp_path):
    frame = clicks(4, 0).with_columns(pl.Series("time", ["3", "1.5", "2", "1"]))
    splits = splits_of(tmp_path, frame, SplitConfig(ratios=(2, 1, 1)), pieces=4, timestamp="time")
    assert splits == {"train": [3, 1], "validation": [2], "test": [0]}


def test_dates_among_numbers_are_refused_whatever_piece_they_stand_in(tmp_path):
    frame = clicks(4, 0).with_columns(pl.Series("time", ["3", "2", "1", "2024-05-01"]))
    with pytest.raises(ClickPromptError, match='time is "2024-05-01"; expected a number, as in other rows'):
        splits_of(tmp_path, frame, pieces=4, timestamp="time")
    frame = clicks(4, 0)[:2].with_columns(pl.Series("time", ["2024-05-01", "3"]))
    with pytest.raises(ClickPromptError, match='time is "3"; expected a number, a date or an ISO 8601 time'):
        splits_of(tmp_path, frame, pieces=2, timestamp="time")
    parts = (frame[:1], frame[1:].with_columns(pl.col("time").cast(pl.Int64)))
    source = Frames(tables=tuple(table_of(part, timestamp="time") for part in parts))
    with scratch_beside(tmp_path / "prepared") as scratch:
        told = "time is 3; expected a date, as in other rows"
        with pytest.raises(ClickPromptError, match=told):
            read_rows(source, SplitConfig(), scratch, BadRows(), SilentProgress(), {})


def test_shuffle_is_a_seeded_permutation(tmp_path):
    frame, rows = clicks(100, 1), np.arange(100)
    first, again, other = (
        np.concatenate(list(splits_of(tmp_path, frame, SplitConfig(seed=seed), pieces).values()))
        for seed, pieces in ((1, 1), (1, 9), (2, 1))
    )
    assert (first == again).all()
    assert (first == np.random.default_rng(1).permutation(rows)).all()
    assert (first != other).any()


def test_by_user_each_split_has_users_of_its_own(tmp_path):
    random = np.random.default_rng(0)
    frame = clicks(4_000, 0).with_columns(pl.Series("user", [f"u{u}" for u in random.integers(0, 200, 4_000)]))
    config = SplitConfig(order="user", seed=3)
    splits = splits_of(tmp_path, frame, config, grouped=True)
    users = [set(frame["user"][rows].to_list()) for rows in splits.values()]
    assert not users[0] & users[1] | users[0] & users[2] | users[1] & users[2]
    assert sorted(row for rows in splits.values() for row in rows) == list(range(4_000))
    assert [len(rows) for rows in splits.values()] == pytest.approx([3_200, 400, 400], abs=15)
    assert all(rows == sorted(rows) for rows in splits.values())
    mixed = random.permutation(4_000)
    again = splits_of(tmp_path, frame[mixed], config, pieces=5, grouped=True)
    assert [set(frame["user"][mixed[rows]].to_list()) for rows in again.values()] == users
    timed = splits_of(tmp_path, frame, config, grouped=True, timestamp="time")
    assert [(frame["time"][rows].diff().drop_nulls() >= 0).all() for rows in timed.values()] == [True] * 3
    assert [set(rows) for rows in timed.values()] == [set(rows) for rows in splits.values()]
    with pytest.raises(ClickPromptError, match=r"set data\.source\.group_field"):
        splits_of(tmp_path, frame, config)


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
    hashes = row_hashes(frame)
    assert repeated(hashes).tolist() == [False, True, False, False]
    given_splits = {"train": range(1), "validation": range(1, 2), "test": range(2, 4)}
    assert not repeated(hashes, given_splits).any()


@pytest.mark.parametrize("most", [1 << 23, 40])
def test_the_first_of_equal_rows_stays_however_many_are_compared_at_once(most):
    random = np.random.default_rng(0)
    hashes = random.integers(0, 12, (500, 2)).astype(np.uint64)  # many share one half alone
    seen, wanted = set(), []
    for row in map(tuple, hashes.tolist()):
        wanted.append(row in seen)
        seen.add(row)
    assert repeated(hashes, most=most).tolist() == wanted
    halves = {"train": range(250), "validation": range(250, 500), "test": range(500, 500)}
    both = [*repeated(hashes[:250]), *repeated(hashes[250:])]
    assert repeated(hashes, halves, most=most).tolist() == both


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
