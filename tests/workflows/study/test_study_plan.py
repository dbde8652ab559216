from __future__ import annotations

import pytest

from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare
from clickprompt.workflows.pretrain import pretraining_inputs
from clickprompt.workflows.study import parse_study, plan
from clickprompt.workflows.study.needs import name_of, needed, pretraining_of

AXES = {
    "ctr_models": {"DNN": {"kind": "dnn"}, "FM": {"kind": "fm"}},
    "language_models": {"one layer": {"layers": 1}, "two layers": {"layers": 2}},
}


def combinations(study):
    return [(c.method, c.ctr_model, c.language_model) for c in plan(parse_study(study))]


def test_a_method_is_run_with_what_it_has_and_no_more(tiny_study):
    methods = {
        "plain": {"model": "id-only"},
        "masked": {"model": "masked-field", "ctr_models": ["FM"]},
        "with LM": {"model": "clickprompt-with-lm"},
        "narrow": {"model": "clickprompt-without-lm", "ctr_models": ["DNN"], "language_models": ["two layers"]},
    }
    assert combinations(tiny_study(methods=methods, **AXES)) == [
        ("plain", "DNN", None),
        ("plain", "FM", None),
        ("masked", "FM", None),
        ("with LM", "DNN", "one layer"),
        ("with LM", "DNN", "two layers"),
        ("with LM", "FM", "one layer"),
        ("with LM", "FM", "two layers"),
        ("narrow", "DNN", "two layers"),
    ]


@pytest.mark.parametrize("model", ["ctr-bert", "p5", "ptab"])
def test_a_method_that_reads_words_alone_is_run_once_for_all_id_models(tiny_study, model):
    study = tiny_study(methods={"words": {"model": model}}, baseline=None, ctr_models=AXES["ctr_models"])
    study["base"] = {name: section for name, section in study["base"].items() if name != "method"}
    (combination,) = plan(parse_study(study))
    assert combination.ctr_model is None
    changed = plan(parse_study(study | {"ctr_models": {"FM": {"kind": "fm", "embedding_dim": 8}}}))[0]
    assert name_of(combination.recipe(1, {})) == name_of(changed.recipe(1, {}))


def test_without_axes_the_base_names_the_models(tiny_study, tiny_bert):
    assert combinations(tiny_study()) == [
        ("plain", "dcn-v2", None),
        ("without LM", "dcn-v2", tiny_bert.name),
        ("with LM", "dcn-v2", tiny_bert.name),
    ]


def test_a_method_that_brings_its_language_model_is_run_with_that_alone(tiny_study, tiny_bert):
    own = {"model": "clickprompt-with-lm", "language_model": {"name": str(tiny_bert), "layers": 1}}
    study = tiny_study(methods={"own": own}, baseline=None, language_models=AXES["language_models"])
    assert combinations(study) == [("own", "dcn-v2", tiny_bert.name)]


def test_a_method_that_brings_its_id_model_is_run_with_that_alone(tiny_study):
    own = {"model": "id-only", "ctr_model": {"kind": "fm"}}
    study = tiny_study(methods={"own": own}, baseline=None, ctr_models={"DNN": {"kind": "dnn"}, "DCN": {"kind": "dcn"}})
    assert combinations(study) == [("own", "fm", None)]


def test_the_settings_of_a_recipe_come_from_everywhere(tiny_study):
    study = tiny_study(
        **AXES, methods={"x": {"model": "clickprompt-with-lm", "finetune_with_language_model": {"epochs": 7}}}
    )
    study |= {"baseline": None}
    study["data_sets"]["clicks"]["pretrain"] = {"batch_size": 8}
    recipe = plan(parse_study(study))[1].recipe(5, {"finetune_with_language_model.batch_size": 4})
    assert recipe.seed == 5
    assert recipe.models == ("clickprompt-with-lm",)
    assert (recipe.ctr_model.kind, recipe.language_model.layers, recipe.language_model.max_length) == ("dnn", 2, 64)
    assert (recipe.pretrain.batch_size, recipe.pretrain.max_steps) == (8, 2)
    assert recipe.finetune_with_language_model.epochs == 7
    assert recipe.finetune_with_language_model.batch_size == 4


def test_every_method_gets_as_many_trials_and_no_setting_twice(tiny_study):
    study = tiny_study()
    study["methods"]["own space"] = {"model": "id-only", "space": {"finetune.epochs": [1, 2, 3, 4, 5]}}
    study["trials"]["space"]["finetune.weight_decay"] = [0.0, 0.1, 0.2]
    study["trials"]["space"]["pretrain.epochs"] = [1, 2, 3]
    found = {c.method: c.settings for c in plan(parse_study(study))}
    assert {len(settings) for settings in found.values()} == {2}
    assert all(a != b for a, b in found.values())
    assert set(found["plain"][0]) == {"finetune.ctr_learning_rate", "finetune.weight_decay"}
    assert set(found["without LM"][0]) == {"finetune.ctr_learning_rate", "finetune.weight_decay", "pretrain.epochs"}
    assert set(found["with LM"][0]) == {"finetune_with_language_model.ctr_learning_rate", "pretrain.epochs"}
    assert set(found["own space"][0]) == {"finetune.epochs"}
    assert found == {c.method: c.settings for c in plan(parse_study(study))}


def test_a_space_that_trials_use_up_is_tried_whole(tiny_study):
    (plain, *_) = plan(parse_study(tiny_study()))
    assert sorted(settings["finetune.ctr_learning_rate"] for settings in plain.settings) == [1e-5, 0.02]


@pytest.mark.parametrize(
    ("model", "changes", "same"),
    [
        ("id-only", {"pretrain": {"epochs": 9}}, True),
        ("id-only", {"language_model": {"layers": 1}}, True),
        ("id-only", {"method": {"kind": "masked-field"}}, True),
        ("id-only", {"finetune_with_language_model": {"epochs": 9}}, True),
        ("id-only", {"device": "cpu"}, True),
        ("id-only", {"finetune": {"epochs": 9}}, False),
        ("id-only", {"ctr_model": {"kind": "fm"}}, False),
        ("id-only", {"seed": 9}, False),
        ("clickprompt-without-lm", {"finetune_with_language_model": {"epochs": 9}}, True),
        ("clickprompt-without-lm", {"pretrain": {"epochs": 9}}, False),
        ("clickprompt-without-lm", {"language_model": {"layers": 1}}, False),
        ("clickprompt-with-lm", {"finetune": {"epochs": 9}}, True),
        ("clickprompt-with-lm", {"finetune_with_language_model": {"epochs": 9}}, False),
    ],
)
def test_runs_bear_one_name_where_nothing_that_touches_them_differs(tiny_recipe, model, changes, same):
    def name(content):
        return name_of(needed(parse_recipe(content | {"models": [model]})))

    changed = {key: {**tiny_recipe[key], **value} if key in tiny_recipe and isinstance(value, dict) else value
               for key, value in changes.items()}  # fmt: skip
    changed |= {key: value for key, value in changes.items() if isinstance(value, dict) and "kind" in value}
    assert (name(tiny_recipe) == name(tiny_recipe | changed)) == same


def test_what_is_left_out_of_a_recipe_changes_no_step(tiny_recipe, tmp_path):
    from clickprompt.workflows.finetune import finetuning_inputs

    for model in ("id-only", "clickprompt-without-lm", "clickprompt-with-lm"):
        recipe = parse_recipe(tiny_recipe | {"models": [model]})
        data = prepare(recipe, RunFolder(tmp_path).prepared, SilentProgress())
        assert finetuning_inputs(needed(recipe), model, data) == finetuning_inputs(recipe, model, data)


def test_pretrainings_are_shared_where_their_inputs_are_equal(tiny_recipe, tmp_path):
    def both(model, **changes):
        recipe = needed(parse_recipe(tiny_recipe | changes | {"models": [model]}))
        data = prepare(recipe, tmp_path / "prepared", SilentProgress())
        return pretraining_of(recipe), pretraining_inputs(recipe, data)

    first = both("clickprompt-without-lm")
    assert both("clickprompt-with-lm") == first
    assert both("clickprompt-with-lm", finetune_with_language_model={"epochs": 9}) == first
    assert both("clickprompt-with-lm", language_model={**tiny_recipe["language_model"], "pooling": "cls"}) == first
    for changes in (
        {"seed": 2},
        {"pretrain": {**tiny_recipe["pretrain"], "max_steps": 3}},
        {"method": {"kind": "clickprompt", "prompt": {"length": 1}}},
        {"language_model": {**tiny_recipe["language_model"], "permute_values": 1}},
    ):
        other = both("clickprompt-with-lm", **changes)
        assert other[0] != first[0]
        assert other[1] != first[1]
    assert pretraining_of(parse_recipe(tiny_recipe | {"models": ["id-only"]})) is None
