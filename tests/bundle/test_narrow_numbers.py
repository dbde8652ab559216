"""Numbers of 32 bits score the same whoever read the file."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from clickprompt.bundle import Predictor
from clickprompt.table import Vocabulary
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, run

CODES = 40


@pytest.fixture(scope="module")
def narrow(tmp_path_factory) -> tuple[Path, Path]:
    """A file with float32 prices, categories and lists, some of them missing, and a bundle trained on it."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("narrow")
    rows = 400
    codes = random.random(CODES).astype(np.float32)
    price = random.gamma(2.0, 10.0, rows).astype(np.float32)
    frame = pl.DataFrame(
        {
            "price": pl.Series([None if row % 7 == 0 else p for row, p in enumerate(price)], dtype=pl.Float32),
            "code": pl.Series(random.choice(codes, rows), dtype=pl.Float32),
            "seen": pl.Series(
                [random.choice(codes, n) for n in random.integers(0, 4, rows)], dtype=pl.List(pl.Float32)
            ),
            "clicked": random.integers(0, 2, rows),
        }
    )
    path = folder / "narrow.parquet"
    frame.write_parquet(path)
    fields = [{"name": "price", "kind": "numeric"}, {"name": "code"}, {"name": "seen", "kind": "list"}]
    recipe = {
        "data": {"source": {"kind": "files", "path": str(path), "fields": fields, "label": "clicked"}},
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "method": {"kind": "id-only"},
        "language_model": None,
        "finetune": {"max_steps": 5},
    }
    run(parse_recipe(recipe), RunFolder(folder / "run"), SilentProgress())
    return path, RunFolder(folder / "run").bundle("id-only")


def test_every_reader_of_one_file_gives_the_same_scores(narrow):
    path, bundle = narrow
    predictor = Predictor.load(bundle)
    polars, pandas, arrow = pl.read_parquet(path), pd.read_parquet(path), pq.read_table(path)
    assert (pandas["price"].dtype, pandas["seen"][pandas["seen"].map(len) > 0].iloc[0].dtype) == (np.float32,) * 2
    wanted = predictor.score(polars)
    assert len(set(wanted.probability.tolist())) > 50
    assert wanted.unseen.keys() <= {"code", "seen"}
    for rows in (pandas, arrow, {name: pandas[name] for name in pandas.columns}):
        scored = predictor.score(rows)
        assert scored.unseen == wanted.unseen
        assert np.array_equal(scored.probability, wanted.probability)


def test_sentences_say_the_same(narrow):
    path, bundle = narrow
    vocabulary = Vocabulary.load(bundle)
    polars, pandas = pl.read_parquet(path), pd.read_parquet(path)
    one = vocabulary.encode({name: polars[name] for name in polars.columns})
    other = vocabulary.encode({name: pandas[name] for name in pandas.columns})
    for place, (texts, others) in enumerate(zip(one.texts, other.texts, strict=True)):
        said = [texts[code] for code in one.text_codes[:, place]]
        assert said == [others[code] for code in other.text_codes[:, place]]
