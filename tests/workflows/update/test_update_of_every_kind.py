"""Updates of models with words, lists and other sources; and what the command says."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from clickprompt.bundle import Predictor, load_bundle, read_bundle_manifest
from clickprompt.cli import app
from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_data_config, tiny_lists_config, write_tiny_lists
from clickprompt.workflows import parse_recipe
from clickprompt.workflows.update import GateConfig, RowsConfig, UpdateConfig, update

OPEN = UpdateConfig(
    gate=GateConfig(
        min_rows=1, min_of_each=2, max_auc_drop=9, max_log_loss_rise=9, max_calibration_error=99, max_oov_rise=1
    )
)


@pytest.fixture
def few(day: Path, tmp_path: Path) -> Path:
    """Few rows of the day, so that reading them takes no time."""
    with day.open(newline="") as file:
        rows = list(csv.reader(file))
    path = tmp_path / "few.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows[:33])
    return path


@pytest.fixture(scope="session")
def with_words(tmp_path_factory, first_bundle, tiny_bert, train):
    """A bundle of one model of a method, over the rows of the first bundle."""

    prepared = tmp_path_factory.mktemp("words") / "prepared"
    data = tiny_data_config(first_bundle.parents[2])

    def bundle(method: str, model: str) -> Path:
        folder = tmp_path_factory.mktemp(method)
        recipe = {
            "data": {**data, "split": {**data["split"], "sample": 0.2}},
            "ctr_model": {"kind": "fm", "embedding_dim": 4},
            "language_model": {"name": str(tiny_bert), "max_length": 64},
            "method": {"kind": method},
            "pretrain": None,
            "models": model,
            "finetune": {"max_steps": 1, "batch_size": 32, "early_stopping": None},
            "finetune_with_language_model": {"max_steps": 1, "batch_size": 32, "evaluations_per_epoch": 1},
        }
        return train(recipe, folder, prepared) / model

    return bundle


@pytest.mark.parametrize(
    ("method", "model", "learns"),
    [
        ("clickprompt", "clickprompt-with-lm", True),
        ("ctr-bert", "ctr-bert", True),
        ("text-features", "text-features", False),
    ],
)
def test_models_that_read_words_learn_a_day_too(with_words, few, tmp_path, method, model, learns):
    done = update(with_words(method, model), [str(few)], OPEN, tmp_path / "model")
    assert done.outcome == "promoted"
    old, new = (load_bundle(tmp_path / "model" / version) for version in ("1", "2"))
    words = [dict(b.method.encoders()[0].named_parameters()) for b in (old, new)]
    same = all(torch.equal(words[0][name], words[1][name]) for name in words[0])
    assert same != learns
    held = pl.read_csv(few, infer_schema_length=0)[-4:]
    auc = done.record["gate"]["checks"][0]
    labels, scores = held["clicked"].to_list(), Predictor(new).predict(held)
    assert len(scores) == done.record["held_out_rows"]
    from clickprompt.evaluation import auc as measured

    assert auc["new"] == pytest.approx(measured([int(label) for label in labels], scores))


def test_lists_and_hashes_of_a_model_served_with_a_fixed_value(tmp_path, train):
    write_tiny_lists(tmp_path)
    data = tiny_lists_config(tmp_path)
    data["source"]["fields"].append({"name": "place", "score_as": "1"})
    rows = pl.read_parquet(tmp_path / "histories.parquet")
    rows = rows.with_columns((pl.int_range(len(rows)) % 3).cast(pl.String).alias("place"))
    rows[:300].write_parquet(tmp_path / "histories.parquet")
    later = rows[300:].with_columns(pl.Series("history", [["film 1", f"film {100 + n % 3}"] for n in range(300)]))
    later.write_parquet(tmp_path / "day.parquet")
    recipe = {
        "data": data,
        "ctr_model": {"kind": "fm", "embedding_dim": 4},
        "language_model": None,
        "method": "id-only",
        "finetune": {"epochs": 1, "embedding_optimizer": "sparse"},
    }
    bundle = train(recipe, tmp_path / "run") / "id-only"
    done = update(bundle, [str(tmp_path / "day.parquet")], OPEN, tmp_path / "model")
    assert done.record["added"] == {"history": 3}
    new = load_bundle(done.folder)
    assert new.method.ctr.embedding.weight.shape[0] == new.vocabulary.statistics.num_embeddings
    scores = Predictor(new).predict(later[-30:])
    gate = done.record["gate"]["checks"]
    assert gate[2]["new"] == pytest.approx(float(scores.sum()) / later[-30:]["clicked"].sum(), rel=1e-5)


def call(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


def test_the_command_says_how_it_ended(store, day):
    said = call("update", store, day, "--dry-run")
    assert "rows: 324 to learn from, 36 to calibrate on, 40 held out" in said
    assert "dry run: nothing was trained" in said
    assert {path.name for path in store.iterdir()} == {"1"}
    said = call("update", store, day, status=3)
    assert "undecided: held-out rows: 40, 1,000 are needed" in said
    limits = ["--gate", "min_rows=40", "--gate", "min_of_each=5"]
    said = call("update", store, day, *limits, "--gate", "max_auc_drop=0", "--learning-rate", "1e-9", status=3)
    assert "AUC: difference" in said
    assert f"served: {store / '1'}" in said.replace(" ", "") or str(store / "1") in said
    said = call("update", store, day, *limits, "--gate", "max_auc_drop=1", "--gate", "max_log_loss_rise=9",
                "--gate", "max_calibration_error=9", "--learning-rate", "0.001")  # fmt: skip
    assert "promoted:" in said
    assert "which is served, has learned from these rows" in call("update", store, day)
    assert "is version 1 again" in call("update", store, "--rollback")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "ROWS: name the files of new rows, or say --rollback"),
        (["nowhere.csv"], "nowhere.csv: no such file"),
        (["{day}", "--holdout", "2"], "update: holdout is 2"),
        (["{day}", "--gate", "max_auc_dorp=1"], "max_auc_dorp is not a setting of gate (did you mean max_auc_drop?)"),
        (["{day}", "--new-rows", "zero"], "update: new_rows is 'zero'"),
        (["{day}", "--label", "clicks"], "no column 'clicks' for the label (did you mean clicked?)"),
        (["{day}", "--rollback"], "--rollback reads no rows; leave them out"),
    ],
)
def test_what_cannot_be_done_is_one_line(store, day, arguments, message):
    said = call("update", store, *(argument.format(day=day) for argument in arguments), status=2)
    assert message in said
    assert {path.name for path in store.iterdir()} <= {"1", ".lock"}


def test_a_folder_of_something_else(tmp_path, day):
    assert "neither a bundle nor a folder of versions" in call("update", tmp_path, day, status=2)
    assert list(tmp_path.iterdir()) == []
    assert "neither a bundle nor a folder of versions" in call("update", tmp_path / "x", "--rollback", status=2)


def test_bundles_of_other_sources_ask_what_the_columns_mean(first_bundle, day):
    from clickprompt.workflows.update.rows import recipe_of, source_of

    bundle = load_bundle(first_bundle)
    recipe = recipe_of(bundle)
    other = parse_recipe({**recipe.model_dump(mode="json"), "data": {"source": {"kind": "movielens-1m"}}})
    with pytest.raises(ClickPromptError, match="trained on movielens-1m, which names no columns; say --label"):
        source_of(other, bundle.vocabulary.schema, [str(day)], RowsConfig())
    columns = RowsConfig(label="stars", threshold=4, weight="weight", timestamp="time")
    source = source_of(other, bundle.vocabulary.schema, [str(day)], columns)
    assert (source.label.column, source.label.threshold, source.weight, source.timestamp) == (
        "stars",
        4,
        "weight",
        "time",
    )
    assert source.schema_ == bundle.vocabulary.schema
    assert read_bundle_manifest(first_bundle)["provenance"]["model"] == "id-only"


def test_bad_rows_are_left_out_where_asked(store, day, config):
    lines = day.read_text().splitlines()
    lines[7] = lines[7].removesuffix(lines[7][-1]) + "maybe"
    bad = store.parent / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    with pytest.raises(ClickPromptError, match=r'bad.csv, row 7: label is "maybe"'):
        update(store, [str(bad)], config)
    done = update(store, [str(bad)], config, columns=RowsConfig(on_bad_row="quarantine"))
    assert done.record["bad_rows"]["rows"] == 1
    assert done.record["train_rows"] + done.record["calibration_rows"] + done.record["held_out_rows"] == 399
    assert "maybe" in (store / ".rows.quarantine" / "rows.jsonl").read_text()
