"""Scoring with the language model in half precision and in 8-bit integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.cli import app
from clickprompt.evaluation import auc
from clickprompt.language.quantize import Int8Linear
from clickprompt.precision import bfloat16_pays
from clickprompt.settings import ClickPromptError

WORDS = ("golden", "broken", "lamp", "river", "winter", "stone", "old", "new")


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Rows that differ in the words of their titles most of all."""
    generator = np.random.default_rng(0)
    titles = generator.choice(WORDS, (600, 4))
    return pl.DataFrame(
        {
            "user": [f"u{n}" for n in generator.integers(0, 20, 600)],
            "city": ["Oslo"] * 600,
            "item": ["i1"] * 600,
            "title": [" ".join(words) for words in titles],
            "price": generator.normal(20, 5, 600),
        }
    )


def logits(predictor: Predictor, rows: pl.DataFrame) -> np.ndarray:
    probability = predictor.predict(rows).astype(np.float64)
    return np.log(probability) - np.log1p(-probability)


def words_alone(bundles: Path):
    bundle = load_bundle(bundles / "clickprompt-with-lm")
    with torch.no_grad():
        bundle.method.alpha.zero_()
    return bundle


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_ranking_is_that_of_float32_where_words_decide(bundles, rows, precision):
    bundle = words_alone(bundles)
    exact = logits(Predictor(bundle), rows)
    rough = logits(Predictor(bundle, "cpu", precision), rows)
    assert 1e-6 < np.sqrt(np.mean((rough - exact) ** 2)) < 0.1 * exact.std()
    chance = 1 / (1 + np.exp(-3 * (exact - exact.mean()) / exact.std()))
    differences, whole = [], []
    for seed in range(20):
        labels = (np.random.default_rng(seed).random(len(rows)) < chance).astype(int)
        whole.append(auc(labels, exact))
        differences.append(auc(labels, rough) - whole[-1])
    assert np.mean(whole) > 0.85
    assert abs(np.mean(differences)) < 1e-3


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_company_changes_no_score(bundles, rows, precision):
    predictor = Predictor(words_alone(bundles), "cpu", precision)
    together = logits(predictor, rows)
    spread = together.std()
    for some in (slice(0, 1), slice(100, 103), slice(0, 600, 60)):
        alone = logits(predictor, rows[some])
        # Float32 sums of attention depend on the batch in their last digit, and tip a rounding now and then.
        assert np.abs(alone - together[some]).max() < 0.05 * spread


def test_the_bundles_own_model_stays_as_it_was(bundles, rows):
    bundle = load_bundle(bundles / "clickprompt-with-lm")
    before = Predictor(bundle).predict(rows)
    eight = Predictor(bundle, "cpu", "int8")
    assert any(isinstance(part, Int8Linear) for part in eight.method.modules())
    assert not any(isinstance(part, Int8Linear) for part in bundle.method.modules())
    assert eight.method.ctr.embedding.weight is bundle.method.ctr.embedding.weight
    eight.predict(rows[:3])
    np.testing.assert_array_equal(Predictor(bundle).predict(rows), before)


def test_auto_is_half_precision_where_the_processor_has_it_and_words_are_read(bundles, rows):
    half = bfloat16_pays(torch.device("cpu"))
    bundle = words_alone(bundles)
    same = np.array_equal(Predictor(bundle, "cpu", "auto").predict(rows), Predictor(bundle).predict(rows))
    assert same is not half
    plain = load_bundle(bundles / "id-only")
    np.testing.assert_array_equal(Predictor(plain, "cpu", "auto").predict(rows), Predictor(plain).predict(rows))


def test_the_command_scores_in_int8(bundles, rows, tmp_path):
    rows.write_parquet(tmp_path / "rows.parquet")
    scored = {}
    for precision in ("float32", "int8"):
        out = tmp_path / f"{precision}.parquet"
        arguments = ["predict", bundles / "clickprompt-with-lm", tmp_path / "rows.parquet", "--out", out]
        result = CliRunner().invoke(app, [str(a) for a in [*arguments, "--device", "cpu", "--precision", precision]])
        assert result.exit_code == 0, result.output
        scored[precision] = pl.read_parquet(out)["probability"].to_numpy()
    predictor = Predictor.load(bundles / "clickprompt-with-lm", precision="int8")
    np.testing.assert_array_equal(scored["int8"], predictor.predict(rows))
    assert 0 < np.abs(scored["int8"] - scored["float32"]).max() < 0.05


def refusal(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 2, result.output
    return next(line for line in result.output.splitlines() if line.startswith("error: "))


def test_what_cannot_be_scored_so_is_refused(bundles, rows, tmp_path):
    rows.write_parquet(tmp_path / "rows.parquet")
    of_words = ("predict", bundles / "clickprompt-with-lm", tmp_path / "rows.parquet", "--device", "cpu", "--precision")
    assert "precision int4: not a precision (did you mean int8?)" in refusal(*of_words, "int4")
    plain = ("predict", bundles / "id-only", tmp_path / "rows.parquet", "--device", "cpu", "--precision", "int8")
    assert "id-only: reads no words, and int8 is for reading words; choose precision float32" in refusal(*plain)
    bundle = load_bundle(bundles / "clickprompt-with-lm")
    with pytest.raises(ClickPromptError, match="int8 is computed on CPUs alone, not on cuda; choose device cpu"):
        Predictor(bundle, "cuda", "int8")
