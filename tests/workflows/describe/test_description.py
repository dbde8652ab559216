"""Every figure of a description beside a count of the rows in plain Python."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from clickprompt.contracts import SPLITS
from clickprompt.testing.language_models import write_tiny_language_model
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks
from clickprompt.workflows import SilentProgress, parse_recipe
from clickprompt.workflows.data import tokenizer_of
from clickprompt.workflows.describe import Description, describe, print_description, value_counts, write_json

COLUMNS = ("user", "title", "price", "tags", "device")
FIELDS = [
    {"name": "user", "side": "user"},
    {"name": "title", "kind": "text", "side": "item"},
    {"name": "price", "kind": "numeric", "side": "item"},
    {"name": "tags", "kind": "list", "separator": "|", "side": "item"},
    {"name": "device", "hash_rows": 8},
]
MAX_LENGTH = 42
Row = dict[str, str]


def made(rows: int, seed: int, users: int) -> list[Row]:
    """Rows whose later splits hold users, titles and tags that the first does not."""
    draw = random.Random(seed)
    return [
        {
            "user": f"u{min(draw.randrange(users), draw.randrange(users))}",
            "title": draw.choice(["", "Heat", "Solaris", f"Film {draw.randrange(users)} [red]x[/red]"]),
            "price": draw.choice(["", "1.5", "3", str(draw.randrange(40))]),
            "tags": draw.choice(["", "a|b", "b", f"c{draw.randrange(users)}|b|b"]),
            "device": f"d{draw.randrange(30)}",
            "clicked": str(int(draw.random() < 0.4)),
        }
        for _ in range(rows)
    ]


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Row]]:
    return {"train": made(120, 0, 12), "validation": made(30, 1, 20), "test": made(40, 2, 30)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, list[Row]]) -> Path:
    folder = tmp_path_factory.mktemp("described")
    for name, rows in splits.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, "clicked"])
            writer.writeheader()
            writer.writerows(rows)
    write_tiny_language_model(folder / "lm")
    return folder


def recipe(folder: Path, **data: object) -> dict[str, object]:
    files = {name: str(folder / f"{name}.csv") for name in SPLITS}
    return {
        "data": {
            "source": {"kind": "files", "fields": FIELDS, "label": "clicked", **files},
            "split": {"drop_duplicates": False},
            "numeric_buckets": 4,
            **data,
        },
        "language_model": {"name": str(folder / "lm"), "max_length": MAX_LENGTH},
    }


@pytest.fixture(scope="module")
def described(folder: Path) -> Description:
    return describe(parse_recipe(recipe(folder)), folder / "prepared", SilentProgress())


def cells(rows: list[Row], name: str) -> list[str]:
    """A column as canonical texts; numbers as prepared folders write them, lists with commas."""
    texts = [row[name].replace("|", ", ") if name == "tags" else row[name] for row in rows]
    return [text or "unknown" for text in texts]


def test_splits(described, splits):
    for split in described.splits:
        rows = splits[split.name]
        assert (split.rows, split.positives) == (len(rows), sum(row["clicked"] == "1" for row in rows))
    assert described.order == "given"


@pytest.mark.parametrize("name", COLUMNS)
def test_sizes_and_missing(described, splits, name):
    field = described.fields[COLUMNS.index(name)]
    assert field.distinct == len({text for rows in splits.values() for text in cells(rows, name)})
    for split, rows in splits.items():
        assert field.missing[split] == cells(rows, name).count("unknown") / len(rows)


@pytest.mark.parametrize("name", ["user", "title", "price", "device"])
def test_frequent_and_unseen_values(described, splits, name):
    field = described.fields[COLUMNS.index(name)]
    train = cells(splits["train"], name)
    counts, clicks = Counter(train), Counter()
    for text, row in zip(train, splits["train"], strict=True):
        clicks[text] += row["clicked"] == "1"
    assert [value.rows for value in field.top] == [count for _, count in counts.most_common(5)]
    for value in field.top:
        assert value.rows == counts[value.text]
        assert (value.share, value.label_rate) == (
            counts[value.text] / len(train),
            clicks[value.text] / counts[value.text],
        )
    for split in ("validation", "test"):
        found = cells(splits[split], name)
        outside = field.outside[split]
        assert outside.rows == sum(text not in counts for text in found) / len(found)
        assert outside.values == sum(text not in counts for text in set(found)) / len(set(found))
        assert outside.vocabulary == (outside.rows if name in ("user", "title") else 0)
    assert {one.outside["test"].rows > 0 for one in described.fields if one.name in ("user", "title")} == {True}


def test_items_of_lists(described, splits):
    field = described.fields[COLUMNS.index("tags")]
    lists = [set((row["tags"] or "unknown").split("|")) for row in splits["train"]]
    counts = Counter(item for items in lists for item in items)
    assert [value.rows for value in field.top] == [count for _, count in counts.most_common(5)]
    for value in field.top:
        held = [row for row, items in zip(splits["train"], lists, strict=True) if value.text in items]
        assert value.rows == len(held)
        assert value.label_rate == sum(row["clicked"] == "1" for row in held) / len(held)
    assert field.items == sum(len(row["tags"].split("|")) for row in splits["train"] if row["tags"]) / 120
    for split in ("validation", "test"):
        strange = [not set((row["tags"] or "unknown").split("|")) <= set(counts) for row in splits[split]]
        assert field.outside[split].vocabulary == sum(strange) / len(strange) > 0
        assert field.outside[split].rows is None


def test_tail(described, splits):
    counts = sorted(Counter(cells(splits["train"], "user")).values())
    nearest = min((abs(sum(c for c in counts if c <= limit) - 0.2 * 120), limit) for limit in {0, *counts})[
        1
    ]  # equal distances: the smaller tail
    tail = described.fields[0].tail
    assert tail.limit == nearest > 0
    assert tail.values == sum(count <= nearest for count in counts) / len(counts)
    assert tail.rows == sum(count for count in counts if count <= nearest) / 120
    assert described.fields[2].tail is None


def test_numbers(described, splits):
    numbers = sorted(float(row["price"]) for row in splits["train"] if row["price"])
    found = described.fields[2].numbers
    assert (found.minimum, found.maximum) == (numbers[0], numbers[-1])
    assert found.median == numbers[(len(numbers) - 1) // 2]


def test_sentences(described, splits, folder):
    """Tokens of each sentence, tokenized whole."""
    tokenizer = tokenizer_of(parse_recipe(recipe(folder)))
    lengths = {}
    for split, rows in splits.items():
        sentences = [" ".join(f"{name} is {cells([row], name)[0]}." for name in COLUMNS) for row in rows]
        special = len(tokenizer.prefix_ids) + len(tokenizer.suffix_ids)
        lengths[split] = [len(ids) + special for ids, _ in tokenizer.encode(sentences)]
        if split == "train":
            shown = [(example.sentence, example.tokens) for example in described.examples]
            assert shown == [(sentences[place], min(MAX_LENGTH, lengths[split][place])) for place in (0, 60, 119)]
    every = sorted(length for of in lengths.values() for length in of)
    found = described.lengths
    assert found.counts == tuple(every.count(length) for length in range(every[-1] + 1))
    assert found.mean == sum(every) / len(every)
    assert found.quantiles == {"0.5": every[94], "0.9": every[170], "0.99": every[188], "1.0": every[-1]}
    for split, of in lengths.items():
        assert found.cut[split] == sum(length > MAX_LENGTH for length in of) / len(of)
    assert 0 < found.cut["train"] < 1


def test_blocks_change_nothing_and_raw_files_are_not_needed(described, folder, monkeypatch, tmp_path):
    monkeypatch.setattr(value_counts, "_CELLS_AT_ONCE", 35)
    again = parse_recipe(recipe(folder))
    kept = {path: path.read_bytes() for path in folder.glob("*.csv")}
    try:
        for path in kept:
            path.unlink()
        assert describe(again, folder / "prepared", SilentProgress()) == described
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_rare_values_and_a_missing_language_model(folder, tmp_path):
    content = recipe(folder, min_count=6)
    content["language_model"]["name"] = str(tmp_path / "nowhere")
    rare = describe(parse_recipe(content), tmp_path / "prepared", SilentProgress())
    outside = rare.fields[0].outside["test"]
    assert outside.vocabulary > outside.rows  # values that training rows hold, but too few of them
    assert rare.lengths is None
    assert "nowhere" in rare.notes[0]


def test_label_rate_over_time(tmp_path):
    write_tiny_clicks(tmp_path, rows=300)
    content = {"data": tiny_data_config(tmp_path), "method": "id-only", "language_model": None}
    described = describe(parse_recipe(content), tmp_path / "prepared", SilentProgress())
    over_time = described.over_time
    assert np.sum(over_time.rows, axis=0).tolist() == [split.rows for split in described.splits]
    assert np.sum(over_time.positives, axis=0).tolist() == [split.positives for split in described.splits]
    assert (over_time.edges[0], over_time.edges[-1]) == (1_700_000_000, 1_700_000_000 + 60 * 299)
    assert described.lengths is None
    assert described.examples[0].tokens is None
    content["data"] |= {"negatives": {"keep": 0.2}}
    fewer = describe(parse_recipe(content), tmp_path / "fewer", SilentProgress())
    assert fewer.over_time == over_time
    assert fewer.splits[0].rows < described.splits[0].rows
    assert "of all rows" in fewer.notes[0]


def test_the_terminal_shows_texts_as_they_are(described):
    console = Console(width=120, markup=False, highlight=False, file=io.StringIO())
    steering = ("a field \x1b]0;x\x07",)
    print_description(replace(described, hints=steering, notes=steering, bad_rows=steering), console)
    assert not {"\x1b", "\x07"} & set(console.file.getvalue())
    text = console.file.getvalue()
    assert "[red]x[/red]" in text
    assert "hint: a field" in text
    assert f"{described.splits[0].label_rate:.1%}".replace("%", " %") in text


def test_json_has_it_all(described, tmp_path):
    write_json(tmp_path / "described.json", described)
    content = json.loads((tmp_path / "described.json").read_text())
    assert content["fields"][0]["outside"]["test"]["rows"] == described.fields[0].outside["test"].rows
    assert content["lengths"]["quantiles"]["0.5"] == described.lengths.quantiles["0.5"]
