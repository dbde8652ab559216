"""Models as a recipe asks for them, with weights drawn from its seed."""

from __future__ import annotations

import numpy as np

from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.methods import ClickPrompt, ClickPromptConfig, IDOnly, MaskedField, MaskedFieldConfig
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.data import Data
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.seeds import seed_torch


def new_ctr_model(recipe: Recipe, data: Data) -> CTRModel:
    """The recipe's ID model; the same seed gives the same weights whatever stands beside it."""
    seed_torch(recipe.seed, "ctr weights")
    statistics = data.table.statistics
    return build_ctr_model(recipe.ctr_model, statistics.num_fields, statistics.num_embeddings, statistics.pooling)


def new_id_only(recipe: Recipe, data: Data) -> IDOnly:
    """The plain ID model."""
    return IDOnly(new_ctr_model(recipe, data))


def new_masked_field(recipe: Recipe, data: Data) -> MaskedField:
    """The control without words. Raises ClickPromptError where no field can be masked."""
    assert isinstance(recipe.method, MaskedFieldConfig)
    sizes = np.diff(data.table.statistics.offsets)
    if not any(size and field.kind != "list" for size, field in zip(sizes, data.table.schema.fields, strict=True)):
        raise ClickPromptError(
            "method.kind masked-field: no field can be masked, for each is a list or has no value in the vocabulary; "
            "add a field of another kind, or choose another method"
        )
    ctr = new_ctr_model(recipe, data)
    seed_torch(recipe.seed, "method weights")
    return MaskedField(recipe.method, ctr, data.table.statistics)


def new_clickprompt(recipe: Recipe, data: Data, *, masked_token_head: bool) -> ClickPrompt:
    """ClickPrompt with the LM's pretrained weights; with a masked-token head where it is to be pretrained."""
    assert isinstance(recipe.method, ClickPromptConfig)
    assert recipe.language_model is not None
    from clickprompt.language import load_language_model

    ctr = new_ctr_model(recipe, data)
    seed_torch(recipe.seed, "language weights")
    loaded = load_language_model(recipe.language_model)
    seed_torch(recipe.seed, "method weights")
    settings = recipe.language_model
    method = ClickPrompt(recipe.method, ctr, loaded.encoder, settings.pooling, settings.tuning)
    if masked_token_head:
        method.masked_token_head = loaded.masked_token_head
    return method
