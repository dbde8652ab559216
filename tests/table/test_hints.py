"""Hints: answers among the fields, fields that say nothing, rows and values that make test figures lie."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from clickprompt.table.counting import class_counts
from clickprompt.table.hints import lone_auc, number_auc
from clickprompt.workflows.show import show

ROWS = 2000


def frame():
    random = np.random.default_rng(3)
    clicks = random.integers(0, 2, ROWS)
    return pl.DataFrame(
        {
            "user": [f"u{u}" for u in random.integers(0, 50, ROWS)],
            "leak": [f"{'yes' if c else 'no'} {k}" for c, k in zip(clicks, random.integers(0, 5, ROWS), strict=True)],
            "dwell": clicks * 10 + random.random(ROWS),
            "row": [f"r{row}" for row in range(ROWS)],
            "when": np.arange(ROWS),
            "country": ["NO"] * (ROWS - 1) + ["SE"],
            "label": clicks,
        }
    )


def prepared(prepare, tmp_path, frame, fields, **split):
    frame.write_parquet(tmp_path / "clicks.parquet")
    names = [{"name": name, "kind": "numeric" if name in ("dwell", "when") else "categorical"} for name in fields]
    source = {"kind": "files", "path": str(tmp_path / "clicks.parquet"), "fields": names, "label": "label"}
    if "when" in frame.columns:
        source["timestamp"] = "when"
    return prepare({"source": source, "split": split}).manifest["checks"]


def test_each_trap_is_told_and_nothing_else(tmp_path, prepare, progress):
    fields = ["user", "leak", "dwell", "row", "when", "country"]
    checks = prepared(prepare, tmp_path, frame(), fields)
    told = [line.removeprefix("hint: ") for line in progress.said if line.startswith("hint: ")]
    assert told == checks["hints"]
    expected = [
        "field 'leak' alone has an AUC of 1.0000",
        "field 'dwell' alone has an AUC of 1.0000",
        "field 'row': in 100.0% of test rows",
        "field 'when': in 100.0% of test rows",
        "field 'country' has one value in 100.00% of",
    ]
    assert [line.startswith(start) for line, start in zip(told, expected, strict=True)] == [True] * 5
    assert checks["fields"]["row"]["auc"] == 0.5  # a value that no other row holds says nothing
    assert checks["fields"]["user"]["unseen_test"] == 0
    assert 0.4 < checks["fields"]["user"]["auc"] < 0.6
    shown = show(tmp_path / "prepared")
    assert all(hint in shown for hint in told)


def test_test_rows_that_training_rows_equal(tmp_path, prepare):
    random = np.random.default_rng(0)
    cells = {"user": random.integers(0, 12, 600), "item": random.integers(0, 12, 600)}
    rows = pl.DataFrame({**cells, "label": random.integers(0, 2, 600), "other": np.arange(600)})
    checks = prepared(prepare, tmp_path, rows, ["user", "item"], seed=5)
    order = np.random.default_rng(5).permutation(600)
    pairs = list(zip(cells["user"].tolist(), cells["item"].tolist(), strict=True))
    train, validation, test = ([pairs[row] for row in part] for part in (order[:480], order[480:540], order[540:]))
    for name, part in (("validation", validation), ("test", test)):
        share = np.mean([pair in set(train) for pair in part])
        assert 0.5 < share < 1
        assert checks["overlap"][name] == pytest.approx(share, abs=1e-6)
    assert [hint.split(" of ")[1].split()[0] for hint in checks["hints"]] == ["validation", "test"]


def test_aucs_are_those_of_the_scores_that_the_docstrings_name():
    random = np.random.default_rng(1)
    codes, numbers = random.integers(0, 40, 999), random.integers(0, 9, 40).astype(float)
    numbers[:5] = np.nan
    labels = (random.random(999) < 0.2 + 0.015 * codes).astype(np.uint8)
    halves = [np.arange(999) % 2 == half for half in (0, 1)]
    aucs = []
    for mine, others in (halves, halves[::-1]):
        rates = {c: labels[others][codes[others] == c] for c in range(40)}
        score = [(rates[c].sum() + labels.mean()) / (len(rates[c]) + 1) for c in codes[mine]]
        aucs.append(roc_auc_score(labels[mine], score))
    counts = class_counts(codes, labels, np.arange(999), 40)
    assert lone_auc(counts) == pytest.approx(np.mean(aucs), abs=1e-12)
    of_row = numbers[codes]
    clicked, passed = of_row[labels == 1][:, None], of_row[labels == 0]
    even = np.isnan(clicked) | np.isnan(passed) | (clicked == passed)
    wins = np.where(even, 0.5, clicked > passed).mean()
    assert number_auc(counts, numbers) == pytest.approx(0.5 + abs(wins - 0.5), abs=1e-12)
    assert number_auc(counts, np.full(40, np.nan)) == 0.5
    assert lone_auc(class_counts(codes, np.zeros(999, np.uint8), np.arange(999), 40)) == 0.5
