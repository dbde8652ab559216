"""Large tables have the shape they are documented to have, and are the same rows however they are written."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from clickprompt.settings import ClickPromptError
from clickprompt.table import DataConfig, prepare_table
from clickprompt.testing.large_table_rows import LargeTable
from clickprompt.testing.large_tables import FIELDS, large_table_config, write_large_table
from clickprompt.workflows import SilentProgress

ROWS, VALUES = 60_000, 13_500
DOCS = Path(__file__).parents[2] / "docs" / "data.md"
READERS = {"jsonl": pl.read_ndjson, "jsonl.gz": pl.read_ndjson, "csv": pl.read_csv}


@pytest.fixture(scope="module")
def rows():
    return LargeTable(ROWS, VALUES).frame(np.arange(ROWS))


def test_distinct_values_are_as_many_as_asked_for(rows):
    assert tuple(rows.columns[:15]) == FIELDS
    assert sum(rows[name].n_unique() for name in FIELDS) == pytest.approx(VALUES, rel=0.2)
    assert rows["Book ID"].n_unique() == pytest.approx(2 * rows["User ID"].n_unique(), rel=0.2)


@pytest.mark.parametrize(
    ("owner", "owned"),
    [
        ("Book ID", [name for name in FIELDS if name not in ("User ID", "Book ID")]),
        ("Work ID", ["Book title", "Author ID"]),
        ("Author ID", ["Author name"]),
    ],
)
def test_what_follows_from_an_id(rows, owner, owned):
    assert rows.group_by(owner).agg(pl.struct(owned).n_unique().alias("kinds"))["kinds"].max() == 1


def test_what_does_not_follow_from_a_text(rows):
    for text, owner in (("Book title", "Book ID"), ("Author name", "Author ID"), ("Publisher", "Author ID")):
        owners = rows.drop_nulls(text).group_by(text).agg(pl.col(owner).n_unique())[owner]
        assert owners.max() > 1


@pytest.mark.parametrize(("name", "head", "half"), [("Book ID", 0.14, 0.16), ("User ID", 0.04, 0.28)])
def test_few_values_have_many_rows_and_many_have_few(rows, name, head, half):
    counts = rows[name].value_counts(sort=True)["count"].to_numpy()
    assert counts[: len(counts) // 100].sum() > head * ROWS
    assert counts[len(counts) // 2 :].sum() < half * ROWS
    assert counts.min() >= 1


def test_popular_books_are_met_as_the_formula_says():
    table = LargeTable(400_000, 4_000)
    frame = table.frame(np.arange(300_000, 400_000))
    met = np.bincount(places(frame["Book ID"], table.books.frame["Book ID"]))
    have_come = table.books.frame.height * 7 // 8  # on average over these rows
    for low, high in ((0, 10), (10, 40), (40, 200)):
        expected = 0.7 * np.log((high + 20) / (low + 20)) / np.log((have_come + 20) / 20) * 100_000
        assert met[low:high].sum() == pytest.approx(expected, rel=0.1)


def test_time_rises_with_ties_and_some_rows_come_twice(rows):
    steps = np.diff(rows["time"].to_numpy())
    assert steps.min() == 0
    assert steps[: len(steps) // 10].mean() > 2 * steps[-len(steps) // 10 :].mean()
    assert 0 <= rows.height - rows.unique().height - ROWS // 2048 <= 5  # a few are equal by chance


def test_some_cells_are_missing_as_books_have_them(rows):
    share = rows.null_count().row(0, named=True)
    assert share["Number of pages"] / ROWS == pytest.approx(0.25, abs=0.1)
    assert {name for name, nulls in share.items() if nulls} == {
        *("Book genres", "Number of pages", "Format", "Publisher", "Publication year")
    }


@pytest.mark.parametrize(
    ("format", "files", "shuffle"),
    [("parquet", 1, False), ("csv", 3, False), ("jsonl", 2, True), ("jsonl.gz", 5, True)],
)
def test_the_same_rows_however_they_are_written(tmp_path, format, files, shuffle):
    expected = LargeTable(4_000, 900, seed=3).frame(np.arange(4_000))
    paths = write_large_table(tmp_path, 4_000, format=format, files=files, seed=3, shuffle=shuffle)
    assert len(paths) == files
    kinds = {**expected.schema, "liked": pl.Int64}  # polars reads no 8 bits from JSON
    read = [
        pl.read_parquet(path) if format == "parquet" else READERS[format](path, schema=kinds).cast(expected.schema)
        for path in paths
    ]
    together = pl.concat(read)
    assert_frame_equal(together, expected, check_row_order=not shuffle)
    if shuffle:
        assert not together.equals(expected)
        middle = expected["time"].median()
        assert all(0.3 < (part["time"] > middle).mean() < 0.7 for part in read)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    def written(folder, seed):
        return write_large_table(tmp_path / folder, 500, format="jsonl.gz", seed=seed)[0].read_bytes()

    assert written("a", 1) == written("b", 1) != written("c", 2)


def places(values, of):
    place = {value: number for number, value in enumerate(of)}
    return np.array([place[value] for value in values])


def test_labels_follow_the_documented_logit():
    table, numbers = LargeTable(200_000, 3_000), np.arange(0, 200_000, 2)
    frame = table.frame(numbers)
    books, users = table.books, table.users
    book, user = places(frame["Book ID"], books.frame["Book ID"]), places(frame["User ID"], users.names)
    logit = 0.9 + users.taste[user] + 0.7 * books.appeal[book] + 0.6 * books.quality[book]
    logit += 0.8 * (users.genre[user] == books.genre[book]) - 0.6 * numbers / 200_000
    probability = 1 / (1 + np.exp(-logit))
    liked = frame["liked"].to_numpy()
    for some in np.array_split(np.argsort(probability), 10):
        spread = np.sqrt((probability[some] * (1 - probability[some])).sum()) / len(some)
        assert liked[some].mean() == pytest.approx(probability[some].mean(), abs=4 * spread)


def test_words_of_titles_tell_of_books_that_no_id_model_has_seen(rows):
    cut = ROWS * 8 // 10
    train, later = rows[:cut], rows[cut:]
    unseen = later.filter(~pl.col("Book ID").is_in(train["Book ID"].implode()))
    assert unseen.height > 2_000
    words = CountVectorizer()
    model = LogisticRegression(max_iter=200).fit(words.fit_transform(train["Book title"]), train["liked"])
    scores = model.decision_function(words.transform(unseen["Book title"]))
    assert roc_auc_score(unseen["liked"], scores) > 0.68
    assert roc_auc_score(unseen["liked"], np.random.default_rng(0).permutation(scores)) < 0.53


def test_a_file_without_rows_is_refused(tmp_path):
    with pytest.raises(ClickPromptError, match="2 rows in 3 files"):
        write_large_table(tmp_path, 2, files=3)


def test_rows_of_another_table_are_not_left_beside_the_new_ones(tmp_path):
    first = write_large_table(tmp_path, 50, files=3)
    with pytest.raises(ClickPromptError, match="of another table"):
        write_large_table(tmp_path, 50)
    assert write_large_table(tmp_path, 50, files=3) == first


def test_the_example_of_the_docs_runs(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (example,) = (block for block in blocks if "write_large_table" in block)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example.replace("20_000_000", "500"), names)
    assert len(list((tmp_path / "reads").glob("*.jsonl.gz"))) == 37
    assert DataConfig.model_validate(names["data"]).source.inputs()


def test_the_config_reads_what_was_written(tmp_path):
    write_large_table(tmp_path, 2_000, files=2)
    config = DataConfig.model_validate(large_table_config(tmp_path))
    table = prepare_table(config, tmp_path / "prepared", SilentProgress())
    assert sum(split["rows"] for split in table.manifest["splits"].values()) == 1_999
    assert table.schema.group_field == "User ID"
