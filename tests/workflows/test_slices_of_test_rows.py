"""Slices of test rows against loops over the raw cells."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from clickprompt.table import DataConfig, prepare_table
from clickprompt.workflows import PlainProgress
from clickprompt.workflows.evaluation_config import EvaluationConfig
from clickprompt.workflows.slices import cold_slices, slices_of, tail_slices

ROWS, TRAIN, TEST = 400, 320, slice(360, 400)
FIELDS = [
    {"name": "user", "kind": "categorical", "side": "user"},
    {"name": "city", "kind": "categorical", "side": "user"},
    {"name": "always", "kind": "categorical", "side": "user"},
    {"name": "place", "kind": "categorical", "score_as": "1"},
    {"name": "title", "kind": "text", "side": "item"},
    {"name": "item", "kind": "categorical", "side": "item", "hash_rows": 16},
    {"name": "price", "kind": "numeric", "side": "item"},
    {"name": "tags", "kind": "list", "side": "item", "separator": "|"},
]


def write_rows(path):
    """Cells whose later rows hold values that earlier ones do not."""
    random = np.random.default_rng(3)

    def named(letter, numbers):
        new = (random.random(ROWS) < 0.2) & (np.arange(ROWS) > 340)
        return [f"{letter}{100 + n % 3 if late else n}" for n, late in zip(numbers, new, strict=True)]

    tags = [named("t", random.integers(0, 6, ROWS)) for _ in range(3)]
    columns = {
        "user": named("u", random.zipf(1.4, ROWS) % 30),
        "city": named("c", random.integers(0, 5, ROWS)),
        "always": random.choice(["a", "b"], ROWS),
        "place": named("", random.integers(1, 3, ROWS)),
        "title": named("thing ", random.integers(0, 15, ROWS)),
        "item": named("i", random.zipf(1.3, ROWS) % 40),
        "price": random.normal(size=ROWS).round(4),
        "tags": ["|".join(some[: 1 + row % 3]) for row, some in enumerate(zip(*tags, strict=True))],
        "time": 1_700_000_000 + 60 * np.arange(ROWS),
        "clicked": (random.random(ROWS) < 0.5).astype(int),
    }
    frame = pl.DataFrame(columns)
    frame.write_csv(path / "rows.csv")
    return frame


def prepared(path, fields=FIELDS, **changes):
    source = {"kind": "files", "path": str(path / "rows.csv"), "fields": fields, "label": "clicked"}
    source["timestamp"] = "time"
    data = {"source": source, "split": {"order": "time"}, "numeric_buckets": 4, "min_count": 1} | changes
    return prepare_table(DataConfig.model_validate(data), path / "prepared", PlainProgress())


@pytest.fixture
def frame(tmp_path):
    return write_rows(tmp_path)


def unseen(cells):
    """Test rows whose cell no training row holds."""
    trained = set(cells[:TRAIN])
    return np.array([cell not in trained for cell in cells[TEST]])


def test_cold_rows_equal_a_loop_over_the_raw_cells(tmp_path, frame):
    measured = cold_slices(prepared(tmp_path))
    tags = [cell.split("|") for cell in frame["tags"]]
    trained = {tag for cell in tags[:TRAIN] for tag in cell}
    expected = {f"cold {name}": unseen(frame[name].to_list()) for name in ("user", "item", "city", "title")}
    expected["cold tags"] = np.array([not trained.issuperset(cell) for cell in tags[TEST]])
    assert all(0 < rows.sum() < 40 for rows in expected.values())
    any_field = np.logical_or.reduce(list(expected.values()))
    expected |= {f"warm {name}": ~expected[f"cold {name}"] for name in ("user", "item")}
    expected |= {"cold any field": any_field, "warm all fields": ~any_field}
    # `always` is never cold, numbers fall into buckets that training filled, scoring reads `place` as "1"
    assert set(measured) == set(expected)
    for name, rows in expected.items():
        np.testing.assert_array_equal(measured[name], rows, err_msg=name)


def test_a_list_with_a_rare_item_is_cold_unless_training_held_that_list(tmp_path, frame):
    tags = [cell.split("|") for cell in frame["tags"]]
    holding = Counter(tag for cell in tags[:TRAIN] for tag in set(cell))
    known = {tuple(cell) for cell in tags[:TRAIN]}
    least = sorted(holding.values())[2] + 1  # three items of training are too rare to be told from unseen ones
    rare = np.array([min(holding[tag] for tag in cell) < least for cell in tags[TEST]])
    expected = rare & [tuple(cell) not in known for cell in tags[TEST]]
    assert rare.sum() > expected.sum() > 0
    np.testing.assert_array_equal(cold_slices(prepared(tmp_path, min_count=least))["cold tags"], expected)


def tail_by_hand(cells, share):
    """The values of the tail: one after another, least frequent first, stopping where the share is nearest."""
    counts = sorted(Counter(cells[:TRAIN]).items(), key=lambda pair: pair[1])
    best, tail, rows = share, set(), 0
    for place, (_, count) in enumerate(counts):
        rows += count
        ends_a_level = place + 1 == len(counts) or counts[place + 1][1] > count
        if ends_a_level and abs(rows / TRAIN - share) < best:
            best, tail = abs(rows / TRAIN - share), {name for name, _ in counts[: place + 1]}
    return tail | (set(cells) - set(cells[:TRAIN]))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 1.0])
def test_the_four_cells_equal_a_walk_through_the_values(tmp_path, frame, share):
    users, items = frame["user"].to_list(), frame["item"].to_list()
    tail_users, tail_items = tail_by_hand(users, share), tail_by_hand(items, share)
    user = np.array([name in tail_users for name in users[TEST]])
    item = np.array([name in tail_items for name in items[TEST]])
    measured = tail_slices(prepared(tmp_path), share)
    np.testing.assert_array_equal(measured["tail users, tail items"], user & item)
    np.testing.assert_array_equal(measured["head users, tail items"], ~user & item)
    np.testing.assert_array_equal(measured["tail users, head items"], user & ~item)
    np.testing.assert_array_equal(measured["head users, head items"], ~user & ~item)
    assert user.all() == (share == 1.0)
    assert item.any()


def test_without_users_there_is_no_long_tail(tmp_path, frame):
    nobodys = [
        {**field, "side": "context" if field.get("side") == "user" else field.get("side", "context")}
        for field in FIELDS
    ]
    slices = slices_of(prepared(tmp_path, nobodys), EvaluationConfig())
    assert not any("tail" in name for name in slices)
    assert {"cold item", "warm item", "cold user", "cold any field"} <= set(slices)  # the user is as any other field
    assert "warm user" not in slices


def test_a_share_is_a_share():
    assert EvaluationConfig().tail_share == 0.2
    for share in (-0.1, 20):
        with pytest.raises(ValueError, match="tail_share"):
            EvaluationConfig(tail_share=share)
