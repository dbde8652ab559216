from __future__ import annotations

import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.workflows.study import load_study, parse_study, plan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sed": [1]}, "study: sed is not a setting at the top of the study (did you mean seeds?)"),
        ({"base": {"finetun": {}}}, "study: base.finetun is not a setting of base (did you mean finetune?)"),
        ({"base": {"seed": 1}}, "base.seed is not a setting of base"),
        ({"data_sets": {}}, "data_sets: dictionary should have at least 1 item"),
        ({"seeds": [1, 1]}, "seeds: [1, 1] names one twice"),
        ({"seeds": []}, "seeds: tuple should have at least 1 item"),
        ({"baseline": "plan"}, "baseline: plan is no method (did you mean plain?)"),
        ({"methods": {"x": {}}}, "methods.x.model is missing"),
        ({"methods": {"x": {"model": "id-only", "finetun": {}}}}, "methods.x.finetun is not a setting of methods.x"),
        ({"methods": {"x": {"model": "id-only", "recipe": {}}}}, "methods.x.recipe is not a setting of methods.x"),
        (
            {"ctr_models": {"DNN": {"kind": "dnn"}}, "methods": {"x": {"model": "id-only", "ctr_models": ["DN"]}}},
            "methods.x.ctr_models: DN is not among the study's (did you mean DNN?)",
        ),
        ({"trials": {"count": 1, "space": {"epochs": [1]}}}, "epochs is no setting that can be tuned"),
        ({"trials": {"count": 1, "space": {"data.min_count": [1]}}}, "data.min_count is no setting that can be tuned"),
        ({"trials": {"count": 1, "space": {"finetune.epochs": []}}}, "should have at least 1 item"),
        ({"trials": {"count": 1, "space": {"evaluation.tail_share": [0.1]}}}, "tail_share is no setting that can be"),
        (
            {"trials": {"count": 1, "space": {"finetune.epoch": [1]}}},
            "finetune.epoch is no setting of finetune (did you mean epochs?)",
        ),
        (
            {"trials": {"count": 2, "space": {"finetune.ctr_learning_rate": [1e-3, 0.001]}}},
            "finetune.ctr_learning_rate names a value twice",
        ),
        (
            {"trials": None, "methods": {"x": {"model": "id-only", "space": {"finetune.epochs": [1]}}}},
            "methods.x.space: this study has no trials; set trials.count",
        ),
        ({"methods": {"x": {"model": "id-only", "ctr_models": []}}}, "should have at least 1 item"),
    ],
)
def test_what_is_wrong_with_a_study_is_said_in_one_line(tiny_study, changes, message):
    with pytest.raises(ClickPromptError) as caught:
        parse_study(tiny_study(baseline=None) | changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"x": {"model": "id-onyl"}}, "mine.yaml, x on clicks: model: id-onyl is no model (did you mean id-only?)"),
        (
            {"x": {"model": "id-only", "finetune": {"epoch": 2}}},
            "mine.yaml, x on clicks: finetune.epoch is not a setting of finetune (did you mean epochs?)",
        ),
        (
            {"x": {"model": "clickprompt-with-lm", "method": {"kind": "masked-field"}}},
            "mine.yaml, x on clicks: recipe: models: method masked-field trains no clickprompt-with-lm",
        ),
        (
            {"x": {"model": "id-only", "space": {"pretrain.epochs": [1, 2]}}},
            "the search space has 1 settings that touch id-only, but trials.count is 2",
        ),
        (
            {"x": {"model": "ptab", "ctr_models": ["DNN"]}},
            "mine.yaml, x on clicks: ctr_models: ptab has no ID model; drop the setting",
        ),
        (
            {"x": {"model": "id-only", "ctr_models": ["DNN"], "ctr_model": {"kind": "fm"}}},
            "mine.yaml, x on clicks: ctr_models: the method has a ctr_model.kind of its own; drop the setting",
        ),
        (
            {"x": {"model": "masked-field", "language_models": ["tiny"]}},
            "mine.yaml, x on clicks: language_models: masked-field reads no words; drop the setting",
        ),
        (
            {"x": {"model": "ptab", "language_models": ["tiny"], "language_model": {"name": "minilm"}}},
            "mine.yaml, x on clicks: language_models: the method has a language_model.name of its own; drop",
        ),
        (
            {"x": {"model": "id-only", "space": {"finetune.batch_size": [8, "many"]}}},
            "mine.yaml, x on clicks: finetune.batch_size is 'many'",
        ),
    ],
)
def test_a_recipe_that_is_wrong_is_told_by_file_and_method(tiny_study, methods, message):
    axes = {"ctr_models": {"DNN": {"kind": "dnn"}}, "language_models": {"tiny": {}}}
    with pytest.raises(ClickPromptError) as caught:
        plan(parse_study(tiny_study(methods=methods, baseline=None, **axes)), "mine.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_study_that_is_not_there(tmp_path):
    with pytest.raises(ClickPromptError, match=r"no\.yaml: no such study"):
        load_study(tmp_path / "no.yaml")
