# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.workflows import load_recipe, parse_recipe
from clickprompt.workflows.recipe import dump_recipe

SHIPPED = sorted(Path(__file__).parents[2].glob("recipes/**/*.yaml"))
MINIMAL = "data:\n  source: {kind: movielens-100k}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_recipes_are_shipped():
    assert len(SHIPPED) >= 2


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_shipped_recipe_loads(path):
    load_recipe(path)


def test_a_dumped_recipe_is_the_same_recipe(tmp_path):
    recipe = load_recipe(SHIPPED[0])
    assert load_recipe(write(tmp_path, dump_recipe(recipe))) == recipe


def test_overrides(tmp_path):
    path = write(tmp_path, MINIMAL + "finetune: null\n".replace("null", "{epochs: 9}"))
    recipe = load_recipe(path, ["pretrain.epochs=3", "models=[id-only]", "finetune.ctr_learning_rate=5e-4", "seed=7"])
    assert recipe.pretrain.epochs == 3
    assert recipe.trained_models == ("id-only",)
    assert recipe.finetune.epochs == 9
    assert recipe.finetune.ctr_learning_rate == 5e-4
    assert recipe.seed == 7


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("data:\n  source: {kind: movielens-100k}\n  min_cuont: 2\n", [], "data.min_cuont is not a setting of data (did you mean min_count?)"),
        (MINIMAL + "sede: 2\n", [], "sede is not a setting at the top of the recipe (did you mean seed?)"),
        (MINIMAL + "ctr_model: {kind: dcn-v3}\n", [], "ctr_model.kind: unknown 'dcn-v3' (did you mean dcn-v2?)"),
        (MINIMAL + "ctr_model: {kind: dcn-v2, cross_layer: 2}\n", [], "ctr_model.cross_layer is not a setting of ctr_model with kind dcn-v2 (did you mean cross_layers?)"),
        (MINIMAL + "ctr_model: {embedding_dim: 2}\n", [], "ctr_model needs a kind"),
        (MINIMAL + "method: {kind: clickprompt, prompt: {length: 0}}\n", [], "method.prompt.length is 0; input should be greater than 0"),
        (MINIMAL + "method: {kind: clickprompt, prompt: {layers: first}}\n", [], "method.prompt: layers: first needs space: hidden"),
        (MINIMAL + "language_model: null\n", [], "method clickprompt needs a language_model"),
        (MINIMAL + "models: [masked-field]\n", [], "models: method clickprompt trains no masked-field"),
        (MINIMAL, ["pretrain.epochs"], "--set pretrain.epochs: expected key=value"),
        (MINIMAL, ["seed.deep=1"], "seed: input should be a valid integer"),
        (MINIMAL + "seed: 3\n", ["seed.deep=1"], "seed is not a section of settings"),
        (MINIMAL + "seed: 1\nseed: 2\n", [], "line 4: not YAML: seed is given twice"),
        ("data: [unclosed\n", [], "not YAML"),
        ("just words\n", [], "a recipe is a list of settings"),
        ("seed: 2\n", [], "data is missing and has no default"),
        (MINIMAL + "pretrain: {ctr_learning_rate: fast}\n", [], "pretrain.ctr_learning_rate is 'fast'; input should be a valid number"),
        (MINIMAL + "device: tpu\n", [], "device is 'tpu'; input should be 'auto', 'cpu' or 'cuda'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, overrides, message):
    path = write(tmp_path, text)
    with pytest.raises(ClickPromptError) as caught:
        load_recipe(path, overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_word_is_a_kind_where_defaults_will_do():
    data = {"data": {"source": {"kind": "movielens-100k"}}, "method": "ctr-bert", "ctr_model": "fm"}
    recipe = parse_recipe(data)
    assert (recipe.method.kind, recipe.ctr_model.kind) == ("ctr-bert", "fm")
    with pytest.raises(ClickPromptError, match="did you mean ctr-bert"):
        parse_recipe({**data, "method": "ctr-brt"})


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(ClickPromptError, match=r"no\.yaml: no such recipe"):
        load_recipe(tmp_path / "no.yaml")
