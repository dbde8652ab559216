"""Own files: every format gives the same table; texts keep their zeros; splits come as given."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from clickprompt.settings import ClickPromptError, explain
from clickprompt.table import DataConfig, PreparedTable, read_rows

FIELDS = [
    {"name": "user", "side": "user"},
    {"name": "zip", "side": "user"},
    {"name": "price", "kind": "numeric"},
]
FRAME = pl.DataFrame(
    {
        "user": [f"ü{i % 4}" for i in range(40)],
        "zip": [f"0{i % 3}234" for i in range(40)],
        "price": [None if i % 7 == 0 else i / 4 for i in range(40)],
        "label": [i % 2 for i in range(40)],
        "when": list(range(40)),
    }
)


def data(**source):
    return {"source": {"kind": "files", "fields": FIELDS, "label": "label", "timestamp": "when", **source}}


def texts_of(table: PreparedTable) -> list:
    """All rows as texts, split by split."""
    texts = np.array(table.value_texts[0].to_pylist(), dtype=object)
    splits = [table.split(name) for name in ("train", "validation", "test")]
    return [(texts[split.value_ids].tolist(), split.labels.tolist()) for split in splits]


WRITERS = {
    "csv": lambda frame, path: frame.write_csv(path),
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "parquet": lambda frame, path: frame.write_parquet(path),
    "arrow": lambda frame, path: frame.write_ipc(path),
    "feather": lambda frame, path: frame.write_ipc(path, compression="zstd"),
    "ipc": lambda frame, path: frame.write_ipc_stream(path),
    "jsonl": lambda frame, path: frame.write_ndjson(path),
    "ndjson": lambda frame, path: frame.write_ndjson(path),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_table(ending, tmp_path, prepare):
    path = tmp_path / f"clicks.{ending}"
    WRITERS[ending](FRAME, path)
    rows, labels = texts_of(prepare(data(path=str(path))))[0]
    wanted = ["unknown" if p is None else f"{p:g}" for p in FRAME["price"][:32]]
    assert rows == [list(row) for row in zip(FRAME["user"][:32], FRAME["zip"][:32], wanted, strict=True)]
    assert labels == FRAME["label"][:32].to_list()
    assert read_rows(path).height == 40


def test_patterns_encodings_and_given_splits(tmp_path, prepare):
    FRAME[:20].write_parquet(tmp_path / "train-a.parquet")
    FRAME[20:24].write_parquet(tmp_path / "train-b.parquet")
    (tmp_path / "valid.txt").write_bytes(FRAME[24:32].write_csv(separator=";").encode("latin-1"))
    FRAME[32:].write_parquet(tmp_path / "test.parquet")
    with pytest.raises(ClickPromptError, match=r"valid.txt: format not known by its ending"):
        prepare(
            data(
                train=f"{tmp_path}/train-*.parquet", validation=f"{tmp_path}/valid.txt", test=f"{tmp_path}/test.parquet"
            )
        )
    valid = tmp_path / "valid.csv"
    (tmp_path / "valid.txt").rename(valid)
    source = {
        "train": f"{tmp_path}/train-*.parquet",
        "validation": [str(valid)],
        "test": tmp_path / "test.parquet",
        "encoding": "latin-1",
        "separator": ";",
    }
    table = prepare(data(**source))
    assert table.manifest["order"] == "given"
    assert [len(table.split(name)) for name in ("train", "validation", "test")] == [24, 8, 8]
    assert [row[0] for row in texts_of(table)[1][0]] == FRAME["user"][24:32].to_list()
    pooled = prepare({**data(**source), "split": {"order": "time"}}, "pooled")
    assert [len(pooled.split(name)) for name in ("train", "validation", "test")] == [32, 4, 4]


def test_quotes_newlines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n"x, ""y""","two\nlines"\r\n7,\r\n')
    assert read_rows(path).to_dict(as_series=False) == {"a": ['x, "y"', "7"], "b": ["two\nlines", ""]}


def test_duplicates_are_dropped_unless_kept(tmp_path, prepare):
    pl.concat([FRAME, FRAME[:5]]).write_csv(tmp_path / "clicks.csv")
    table = prepare(data(path=str(tmp_path / "clicks.csv")))
    assert table.manifest["duplicates_dropped"] == 5
    assert sum(len(table.split(name)) for name in ("train", "validation", "test")) == 40
    kept = prepare({**data(path=str(tmp_path / "clicks.csv")), "split": {"drop_duplicates": False}})
    assert sum(len(kept.split(name)) for name in ("train", "validation", "test")) == 45


@pytest.mark.parametrize(
    ("labels", "threshold", "wanted"),
    [
        (["true", "false"], None, [1, 0]),
        ([True, False], None, [1, 0]),
        ([1.0, 0.0], None, [1, 0]),
        (["1", " 0"], None, [1, 0]),
        ([4, 3.5], 4, [1, 0]),
        (["4.0", "-1"], 4, [1, 0]),
    ],
)
def test_labels(labels, threshold, wanted, tmp_path, prepare):
    path = tmp_path / "clicks.parquet"
    FRAME.with_columns(label=pl.Series(labels * 20, strict=False)).write_parquet(path)
    table = prepare(data(path=str(path), label={"column": "label", "threshold": threshold}))
    assert table.split("train").labels.tolist() == wanted * 16


@pytest.mark.parametrize(
    "times",
    [
        pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 2, 9), "1d", eager=True, time_unit="ns"),
        pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 9), eager=True),
        pl.Series([f"2024-01-{1 + i // 4:02d}T0{i % 4}:00:00+00:00" for i in range(40)]),
        pl.Series([str(9 * i) for i in range(40)]),
        pl.Series([i / 8 for i in range(40)]),
        pl.Series([f"{i / 8}" for i in range(40)]),
    ],
    ids=["datetimes", "dates", "ISO texts", "numbers as texts", "floats", "floats as texts"],
)
def test_times_of_every_kind(times, tmp_path, prepare):
    shuffled = FRAME.with_columns(when=times).sample(fraction=1, shuffle=True, seed=1)
    shuffled.write_parquet(tmp_path / "clicks.parquet")
    wanted = prepare_plain(tmp_path, prepare)
    assert texts_of(prepare(data(path=str(tmp_path / "clicks.parquet")))) == wanted


def prepare_plain(tmp_path, prepare):
    FRAME.write_parquet(tmp_path / "plain.parquet")
    return texts_of(prepare(data(path=str(tmp_path / "plain.parquet")), "plain"))


def test_the_group_field_is_the_first_of_the_user():
    source = DataConfig.model_validate(data(path="x.csv")).source
    assert source.schema_.group_field == "user"
    assert DataConfig.model_validate(data(path="x.csv", group_field="zip")).source.schema_.group_field == "zip"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "name either path, or train, validation and test"),
        ({"path": "a.csv", "train": "b.csv"}, "name either path, or train, validation and test"),
        ({"train": "a.csv", "test": "b.csv"}, "validation is missing"),
        ({"path": "a.csv", "label": "user"}, "also a field"),
        ({"path": "a.csv", "encoding": "utf-9"}, "encoding 'utf-9' is not known"),
        ({"path": "a.csv", "group_field": "nobody"}, "group_field 'nobody' is not one of the fields"),
        ({"path": "a.csv", "fields": FIELDS + FIELDS[:1]}, "field 'user' is named twice"),
        (
            {"path": "a.csv", "lable": "x"},
            "lable is not a setting of data.source with kind files (did you mean label?)",
        ),
        ({"path": "a.csv", "kind": "fils"}, "unknown 'fils' (did you mean files?)"),
    ],
)
def test_contradictions_fail_when_the_settings_are_built(source, message):
    section = {"data": data(**source)}
    with pytest.raises(ValidationError) as caught:
        DataConfig.model_validate(section["data"])
    error = explain(caught.value, "mine.yaml", section["data"])
    assert "\n" not in str(error)
    assert message.replace("data.source", "source") in str(error)


def test_files_of_other_types_meet_in_their_texts(tmp_path, prepare):
    typed = pl.DataFrame({"user": [1.0, 2.0] * 10, "zip": ["a"] * 20, "price": [1.5] * 20, "label": [0, 1] * 10})
    typed = typed.with_columns(when=pl.int_range(20))
    typed.write_parquet(tmp_path / "a.parquet")
    typed.with_columns(pl.col("user").cast(pl.Int64), when=pl.int_range(20, 40)).write_csv(tmp_path / "b.csv")
    table = prepare(data(path=[str(tmp_path / "a.parquet"), str(tmp_path / "b.csv")]))
    assert table.vocabulary().texts.to_pylist()[:2] == ["1", "2"]
    assert table.manifest["fields"]["user"]["embedding_rows"] == 2
