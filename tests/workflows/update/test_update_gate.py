from __future__ import annotations

import numpy as np
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import Split
from clickprompt.workflows.update import GateConfig, update_config
from clickprompt.workflows.update.gate import Scores, judge

ROWS = 4_000


def drawn(seed: int = 0) -> tuple[Split, np.ndarray]:
    """Rows whose clicks come from their true logits."""
    random = np.random.default_rng(seed)
    truth = random.normal(-1, 1.5, ROWS)
    labels = (random.random(ROWS) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    return Split(np.zeros((ROWS, 1), np.int32), labels, None), truth


def scores(logits: np.ndarray, unseen: float = 0.1) -> Scores:
    return Scores(logits, logits, {"user": unseen, "item": 0.0})


def failed(rows: Split, old: Scores, new: Scores, **settings) -> list[str]:
    verdict = judge(rows, old, new, GateConfig(**settings))
    assert (verdict.outcome == "passed") == all(check.passed for check in verdict.checks)
    return [check.name for check in verdict.checks if not check.passed]


def test_the_same_scores_pass_and_better_ones_too():
    rows, truth = drawn()
    noisy = truth + np.random.default_rng(1).normal(0, 1, ROWS)
    assert failed(rows, scores(truth), scores(truth)) == []
    assert failed(rows, scores(noisy), scores(truth)) == []
    assert failed(rows, scores(truth), scores(noisy)) == ["AUC", "log loss"]


def test_doubt_is_no_pass():
    """The point estimate is no worse, but so few rows cannot say that it is not."""
    rows, truth = drawn()
    few = Split(rows.value_ids[:200], rows.labels[:200], None)
    random = np.random.default_rng(2)
    one, other = (truth[:200] + random.normal(0, 0.8, 200) for _ in range(2))
    verdict = judge(few, scores(one), scores(other), GateConfig(min_rows=100, max_log_loss_rise=1))
    (check,) = [check for check in verdict.checks if not check.passed]
    assert (check.name, verdict.outcome) == ("AUC", "failed")
    assert judge(few, scores(one), scores(other), GateConfig()).outcome == "undecided"


def test_probabilities_must_fit():
    rows, truth = drawn()
    assert failed(rows, scores(truth), scores(truth + 0.3)) == ["log loss", "predicted/observed clicks"]
    assert failed(rows, scores(truth), scores(truth + 0.3), max_log_loss_rise=1, max_calibration_error=0.5) == []
    worse_parent = scores(truth + 0.4)
    assert failed(rows, worse_parent, scores(truth + 0.3)) == []


def test_values_must_not_go_missing():
    rows, truth = drawn()
    assert failed(rows, scores(truth), scores(truth, unseen=0.12)) == ["OOV share, user"]
    assert failed(rows, scores(truth), scores(truth, unseen=0.105)) == []


def test_scores_that_are_not_finite_fail_whatever_the_rows():
    rows, truth = drawn()
    broken = truth.copy()
    broken[7] = np.nan
    few = Split(rows.value_ids[:20], rows.labels[:20], None)
    verdict = judge(few, scores(truth[:20]), scores(broken[:20]), GateConfig())
    assert (verdict.outcome, verdict.reason) == ("failed", "scores not finite: none is allowed")


def test_rows_of_one_class_decide_nothing():
    rows, truth = drawn()
    ones = Split(rows.value_ids, np.ones(ROWS, np.float32), None)
    verdict = judge(ones, scores(truth), scores(truth), GateConfig())
    assert verdict.outcome == "undecided"
    assert verdict.reason == "held-out rows without a click: 0, 50 are needed"


def test_rows_that_weigh_nothing_decide_nothing():
    rows, truth = drawn()
    light = Split(rows.value_ids, rows.labels, np.zeros(ROWS, np.float32))
    verdict = judge(light, scores(truth), scores(truth), GateConfig())
    assert (verdict.outcome, len(verdict.checks)) == ("undecided", 3)


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (["max_auc"], "--gate max_auc: expected key=value"),
        (["max_auc_drop=much"], "update: gate.max_auc_drop"),
        (["max_auc_dorp=1"], "max_auc_drop"),
    ],
)
def test_gates_that_make_no_sense(gate, message):
    with pytest.raises(ClickPromptError, match=message):
        update_config(gate, 1, None, 0.1, None)
    assert update_config(["max_auc_drop=0.5"], 1, None, 0.1, None).gate.max_auc_drop == 0.5
