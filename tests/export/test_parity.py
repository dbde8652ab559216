"""A file that does not score as Predictor does is refused."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.calibration import IsotonicCalibrator
from clickprompt.contracts import Field, TableSchema
from clickprompt.export.feeds import raw_feed
from clickprompt.export.parity import Rows
from clickprompt.export.sample_rows import sample_rows
from clickprompt.export.scoring_module import scoring_module
from clickprompt.logistic import logit
from clickprompt.settings import ClickPromptError


@pytest.fixture(scope="module")
def bundle(mixed_bundle):
    return load_bundle(mixed_bundle)


@pytest.fixture(scope="module")
def rows(bundle):
    return Rows(bundle, sample_rows(bundle.vocabulary, 900), "m.onnx")


def giving(found):
    """A file that gives these probabilities, whatever it is asked, in order."""
    left = iter(found)
    return lambda feed: np.array([next(left) for _ in feed["feature_ids"]], dtype=np.float32)


def test_what_predictor_gives_passes_and_every_row_is_asked_for(rows):
    parity = rows.check(giving(rows.expected), rows.ids)
    assert str(parity) == "900 rows checked against Predictor, largest difference 0.0e+00"


def test_few_rows_are_asked_for_at_once(bundle):
    asked, rows = [], Rows(bundle, sample_rows(bundle.vocabulary, 2_600), "m.onnx")
    answer = giving(rows.expected)

    def run(feed):
        asked.append(len(feed["feature_ids"]))
        return answer(feed)

    assert rows.check(run, rows.ids).rows == sum(asked) == 2_600
    assert asked == [1, 2, 3, 64, 500, 1_000, 1_000, 30]


def test_rounding_passes_and_more_does_not(rows):
    assert rows.check(giving(rows.expected + 9e-6), rows.ids).largest == pytest.approx(9e-6, rel=0.02)
    found = rows.expected.copy()
    found[417] += 2e-5
    with pytest.raises(ClickPromptError, match=r"m\.onnx: the file gives 0\.\d+ where .* for row 418 \(user .*, price"):
        rows.check(giving(found), rows.ids)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_probability_is_no_answer(rows, value):
    with pytest.raises(ClickPromptError, match="does not give a probability a row"):
        rows.check(giving(np.where(np.arange(900) == 3, value, rows.expected)), rows.ids)


def test_answers_must_be_one_a_row(rows):
    with pytest.raises(ClickPromptError, match="does not give a probability a row"):
        rows.check(lambda feed: np.full((len(feed["feature_ids"]), 1), 0.5, np.float32), rows.ids)


def test_a_steep_calibrator_is_judged_by_its_logits(bundle):
    columns = sample_rows(bundle.vocabulary, 50)
    logits = logit(Predictor(replace(bundle, calibrator=None)).predict(columns).astype(np.float64))
    at = float(np.sort(logits)[25])  # a row stands on the cliff
    cliff = IsotonicCalibrator(thresholds=(-9.0, at - 1e-3, at + 1e-3, 9.0), values=(0.1, 0.2, 0.8, 0.9))
    rows = Rows(replace(bundle, calibrator=cliff), columns, "m.onnx")
    nearly = rows.check(giving(cliff.probabilities(logits + 5e-6)), rows.ids)
    assert nearly.largest > 1e-3
    with pytest.raises(ClickPromptError, match="nothing was written"):
        rows.check(giving(cliff.probabilities(logits + 5e-5)), rows.ids)


def test_where_predictor_itself_rounds_so_may_the_file(bundle):
    method = copy.deepcopy(bundle.method)
    method.ctr.output.register_forward_hook(lambda layer, inputs, logits: logits + 20_000 - 20_000)
    exact = Rows(replace(bundle, method=copy.deepcopy(method).double()), sample_rows(bundle.vocabulary, 300), "m")
    rows = Rows(replace(bundle, method=method), exact.columns, "m.onnx")
    assert rows.check(giving(exact.expected), rows.ids).largest > 1e-4
    with pytest.raises(ClickPromptError, match="nothing was written"):
        rows.check(giving(exact.expected + 5e-3), rows.ids)


def test_a_rounded_table_must_be_rounded_rightly_and_little(rows, bundle):
    module = scoring_module(bundle, int8=True)
    module.model.table.rows.mul_(-1)
    with pytest.raises(ClickPromptError, match="where Predictor gives"):
        rows.check(giving(rows.expected), rows.ids, module)
    module.model.table.rows.mul_(-1)
    module.model.table.rows.div_(12, rounding_mode="trunc").mul_(12)  # ten steps, not 127
    from clickprompt.export.parity import _in_batches, _runner

    coarse = _in_batches(_runner(module), rows.ids)
    with pytest.raises(
        ClickPromptError, match=r"8 bits are too few for this table: logits move by .* leave out --int8"
    ):
        rows.check(giving(coarse), rows.ids, module)


def test_sample_rows_hold_what_rows_may_hold(bundle):
    columns = sample_rows(bundle.vocabulary, 900)
    assert sample_rows(bundle.vocabulary, 900) == columns != sample_rows(bundle.vocabulary, 900, seed=1)
    assert columns.keys() == {"user", "device", "history", "title", "tags", "similar", "price"}
    unseen = Predictor(bundle).score(columns).unseen
    assert 30 < unseen["user"] < 400
    assert "device" not in unseen
    assert {None, "", "🎻"} <= set(columns["user"])
    assert {0, 5} <= {len(items or ()) for items in columns["history"]}
    assert set(bundle.vocabulary.buckets["price"].edges) <= set(columns["price"])


def test_raw_inputs_are_texts_numbers_and_padded_lists():
    names = {"price": {"kind": "numeric"}, "seen": {"kind": "list"}, "tags": {"kind": "list", "separator": "|"}}
    fields = [
        Field(name="user"),
        *(Field(name=name, **rest) for name, rest in names.items()),
        Field(name="p", score_as=1),
    ]
    cells = {
        "user": [7, None, "A\u030a  ", "x\ud83d "],
        "price": ["3.0", None, "nan", -2],
        "seen": [["a", None, 3], None, [], "alone"],
        "tags": ["a| b", None, ["c", "d"], ""],
    }
    feed = raw_feed(TableSchema(fields=tuple(fields)), cells, 4)
    assert feed["user"].tolist() == ["7", "", "Å  ", "x\\ud83d "]
    np.testing.assert_array_equal(feed["price"], [3.0, np.nan, np.nan, -2.0])
    assert feed["seen"].tolist() == [["a", "", "3"], ["", "", ""], ["", "", ""], ["alone", "", ""]]
    assert feed["tags"].tolist() == ["a| b", "", "c|d", ""]
    assert "p" not in feed
