from __future__ import annotations

import re
from pathlib import Path

import yaml

from clickprompt.methods import METHODS, MODELS
from clickprompt.workflows import parse_recipe

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()


def test_the_guides_ablations_are_recipes(tiny_recipe):
    rows = re.findall(r"^\| (first-layer|without)[^|]*\| `(.+)` \|$", GUIDE, re.MULTILINE)
    recipes = [parse_recipe({**tiny_recipe, **yaml.safe_load(settings)}) for _, settings in rows]
    assert [recipe.trained_models[1:] for recipe in recipes] == [
        ("clickprompt-without-lm", "clickprompt-with-lm"),
        *[("clickprompt-with-lm",)] * 3,
    ]
    assert [recipe.pretrain is None for recipe in recipes] == [False, False, True, True]


def test_the_guides_methods_train_the_models_it_names():
    rows = re.findall(r"^\| `([\w-]+)` \|[^|]+\| ((?:`[\w-]+`(?:, )?)+) \|$", GUIDE, re.MULTILINE)
    named = {kind: re.findall(r"[\w-]+", models) for kind, models in rows if kind in METHODS}
    assert {"clickprompt", "ctrl", "ptab"} <= named.keys()
    for kind, models in named.items():
        assert models == [model.name for model in MODELS[kind][1:]]
