"""The printed numbers are those of the CSV files, and stand beside the entries that they belong to."""

import csv
import json
from importlib.resources import files

import pytest

from clickprompt.published import read_published
from clickprompt.workflows.study.config import Study
from clickprompt.workflows.study.entries import Entry, Key
from clickprompt.workflows.study.published import published_data_set, published_for

DATA_SETS = {"ml1m": "MovieLens-1M", "bookcrossing": "BookCrossing", "toys": "Amazon-Toys", "goodreads": "GoodReads"}
CTR_MODELS = {"DCNv2": "dcn-v2", "AutoInt": "auto-int", "DNN": "dnn", "FM": "fm", "DeepFM": "deep-fm"}
CTR_MODELS |= {"xDeepFM": "x-deep-fm", "IPNN": "ipnn", "DCN": "dcn", "FiGNN": "fi-gnn", "FGCNN": "fgcnn"}
LANGUAGE_MODELS = {
    "small": "huawei-noah/TinyBERT_General_4L_312D",
    "RoBERTa-base": "roberta-base",
    "RoBERTa-large": "roberta-large",
    "MiniLM": "minilm",
}
METHODS = {
    "ID alone": {"model": "id-only"},
    "ours": {"model": "clickprompt-with-lm"},
    "ours, served alone": {"model": "clickprompt-without-lm"},
    "first": {"model": "clickprompt-with-lm", "method": {"kind": "clickprompt", "prompt": {"layers": "first"}}},
    "no prompt": {"model": "clickprompt-with-lm", "method": {"kind": "clickprompt", "prompt": None}},
    "no pretraining": {"model": "clickprompt-with-lm", "pretrain": None},
    "neither": {"model": "clickprompt-with-lm", "method": {"kind": "clickprompt", "prompt": None}, "pretrain": None},
    "no meaning": {"model": "clickprompt-with-lm", "language_model": {"permute_values": 0}},
    "PTab, no meaning": {"model": "ptab", "language_model": {"permute_values": 0}},
    **{name: {"model": name} for name in ("ctr-bert", "p5", "ptab", "ctrl", "flip", "text-features", "masked-field")},
}


def study(table):
    return Study.model_validate(
        {
            "title": "All",
            "table": table,
            "data_sets": {name: {} for name in (*DATA_SETS.values(), "MovieLens-100K, time split", "Criteo")},
            "ctr_models": {name: {"kind": kind} for name, kind in CTR_MODELS.items()},
            "language_models": {name: {"name": checkpoint} for name, checkpoint in LANGUAGE_MODELS.items()},
            "methods": METHODS,
            "seeds": [1],
        }
    )


def look_up(table, data_set, method, ctr_model="DCNv2", language_model="RoBERTa-base", part="all"):
    entry = Entry(Key(data_set, method, ctr_model, language_model), METHODS[method]["model"], {})
    return published_for(study(table), entry, part)


def rows_of(name):
    with files("clickprompt.published").joinpath(name).open() as file:
        return list(csv.DictReader(file))


def printed(row, column):
    return float(row[f"{column}_auc"]), float(row[f"{column}_logloss"])


MODELS = {"ClickPrompt without LM": "ours, served alone", "ClickPrompt with LM": "ours", "CTR-BERT": "ctr-bert"}
MODELS |= {"P5": "p5", "PTab": "ptab", "CTRL": "ctrl"}


@pytest.mark.parametrize("row", rows_of("table2_overall.csv"), ids=lambda row: row["model"])
@pytest.mark.parametrize("table", [2, None])
def test_table_2(row, table):
    method, ctr_model = (MODELS[row["model"]], "DCNv2") if row["model"] in MODELS else ("ID alone", row["model"])
    for column, data_set in DATA_SETS.items():
        assert look_up(table, data_set, method, ctr_model) == printed(row, column)


@pytest.mark.parametrize("row", rows_of("table3_compatibility.csv"), ids=lambda row: " ".join(list(row.values())[:3]))
def test_table_3(row):
    method = {"none": "ID alone", "without LM": "ours, served alone", "with LM": "ours"}[row["finetuning"]]
    language = {"TinyBERT": "small", "none": None}.get(row["language_model"], row["language_model"])
    for column, data_set in list(DATA_SETS.items())[:3]:
        assert look_up(3, data_set, method, row["ctr_model"], language) == printed(row, column)


def test_table_4():
    for row in rows_of("table4_prompt_strategy.csv"):
        for method, column in (("first", "first_layer"), ("ours", "layer_wise")):
            assert look_up(4, row["dataset"], method, row["ctr_model"]) == printed(row, column)


def test_table_5():
    methods = {"ClickPrompt": "ours", "without prompt": "no prompt", "without pretraining": "no pretraining"}
    for row in rows_of("table5_fusion_ablation.csv"):
        for column, data_set in list(DATA_SETS.items())[:3]:
            method = methods.get(row["variant"], "neither")
            assert look_up(5, data_set, method, row["ctr_model"]) == printed(row, column)


def test_table_6():
    for row in rows_of("table6_long_tail_ml1m.csv"):
        side = {"yes": "tail", "no": "head"}
        part = f"{side[row['long_tail_user']]} users, {side[row['long_tail_item']]} items"
        assert look_up(6, "MovieLens-1M", "ID alone", part=part) == printed(row, "dcnv2")
        assert look_up(6, "MovieLens-1M", "ours", part=part) == printed(row, "clickprompt")
        assert look_up(6, "BookCrossing", "ours", part=part) is None


def test_what_the_paper_did_not_print_stays_blank():
    assert look_up(2, "Criteo", "ours") is None
    assert look_up(2, "MovieLens-1M", "ours", "AutoInt") is None
    assert look_up(3, "MovieLens-1M", "ours", "DCNv2", "MiniLM") is None
    assert look_up(4, "GoodReads", "ours") is None
    for method in ("no meaning", "PTab, no meaning", "masked-field", "flip", "text-features", "first", "no prompt"):
        assert look_up(2, "MovieLens-1M", method) is None
    for table in (3, 4, 5, 6):
        assert look_up(table, "MovieLens-1M", "no meaning", part="tail users, tail items") is None


def test_other_movielens_stand_beside_movielens_1m():
    assert look_up(2, "MovieLens-100K, time split", "ours") == (0.8499, 0.3905)
    assert published_data_set("MovieLens-100K") == "MovieLens-1M"
    assert published_data_set("movielens-1m, half") == "MovieLens-1M"
    assert published_data_set("Criteo") is None


def test_files_hold_every_table():
    sizes = [len(read_published(table)) for table in range(1, 7)]
    assert sizes == [4, 16, 21, 9, 12, 4]
    assert json.dumps(read_published(1)[0]) == json.dumps(rows_of("table1_datasets.csv")[0])
