"""Models as a recipe asks for them, with weights drawn from its seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clickprompt.contracts import FieldStatistics
from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.language import LanguageModelConfig
from clickprompt.methods import Method, MethodConfig, Pretrainable, build_method
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.data import Data
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.seeds import seed_torch

if TYPE_CHECKING:
    from clickprompt.language import LoadedLanguageModel, MaskedTokenHead, PromptedEncoder, TextToText


class NewParts:
    """A recipe's ID model and pretrained encoder. Each part draws its weights from a stream of its own, so that the
    same seed gives the same weights whatever stands beside it."""

    def __init__(self, recipe: Recipe, data: Data) -> None:
        self.recipe = recipe
        self.statistics: FieldStatistics = data.table.statistics
        self._loaded: LoadedLanguageModel | None = None

    @property
    def language(self) -> LanguageModelConfig:
        assert self.recipe.language_model is not None
        return self.recipe.language_model

    def ctr(self) -> CTRModel:
        seed_torch(self.recipe.seed, "ctr weights")
        of = self.statistics
        ctr = build_ctr_model(self.recipe.ctr_model, of.num_fields, of.num_embeddings, of.pooling)
        seed_torch(self.recipe.seed, "method weights")
        return ctr

    def encoder(self) -> PromptedEncoder:
        from clickprompt.language import load_language_model

        seed_torch(self.recipe.seed, "language weights")
        self._loaded = load_language_model(self.language)
        seed_torch(self.recipe.seed, "method weights")
        return self._loaded.encoder

    def text_to_text(self) -> TextToText:
        from clickprompt.language import load_text_to_text

        seed_torch(self.recipe.seed, "language weights")
        model = load_text_to_text(self.language)
        seed_torch(self.recipe.seed, "method weights")
        return model

    def masked_token_head(self) -> MaskedTokenHead:
        assert self._loaded is not None
        return self._loaded.masked_token_head


def new_method(config: MethodConfig, recipe: Recipe, data: Data, *, pretraining: bool = False) -> Method:
    """A method to be trained; with the heads that only pretraining needs, where asked.

    Raises ClickPromptError where the data has nothing that its pretraining could hide.
    """
    if pretraining and "fields" in config.hides:
        _check_fields(config, data)
    parts = NewParts(recipe, data)
    method = build_method(config, parts)
    if pretraining:
        assert isinstance(method, Pretrainable)
        method.add_pretraining_heads(parts)
    return method


def _check_fields(config: MethodConfig, data: Data) -> None:
    sizes = np.diff(data.table.statistics.offsets)
    if not any(size and field.kind != "list" for size, field in zip(sizes, data.table.schema.fields, strict=True)):
        raise ClickPromptError(
            f"method.kind {config.kind}: no field can be masked, for each is a list or has no value in the vocabulary; "
            "add a field of another kind, or choose another method"
        )
