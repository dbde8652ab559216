"""What of a recipe decides one model, so that equal runs bear one name."""

from __future__ import annotations

from typing import Any

from clickprompt.methods import MODELS, IDOnlyConfig
from clickprompt.settings import ClickPromptError, did_you_mean
from clickprompt.storage import fingerprint
from clickprompt.workflows.finetune import finetuning_config
from clickprompt.workflows.recipe import Recipe

_NOT_OF_TRAINING = {"device", "evaluation"}


def kind_that_trains(model: str, where: str) -> str:
    """The method's `kind` that a model comes from. Raises ClickPromptError for a model that is none."""
    for kind, models in MODELS.items():
        if any(model == known.name for known in models):
            return kind
    known = {known.name for models in MODELS.values() for known in models}
    raise ClickPromptError(f"{where}: model: {model} is no model{did_you_mean(model, known)}")


def needed(recipe: Recipe) -> Recipe:
    """The recipe of one model with all that does not touch this model put back to defaults."""
    (model,) = recipe.trained_models
    used = finetuning_config(recipe, model)
    changes: dict[str, Any] = {
        name: Recipe.model_fields[name].get_default(call_default_factory=True)
        for name in ("finetune", "finetune_with_language_model")
        if getattr(recipe, name) is not used
    }
    if not recipe.starts_pretrained(model):
        changes["pretrain"] = None
        if recipe.served(model).kind == "id-only":
            changes["method"] = IDOnlyConfig()
    if not recipe.reads_words:
        changes["language_model"] = None
    if not recipe.method.has_ctr_model:
        changes["ctr_model"] = Recipe.model_fields["ctr_model"].get_default()
    return recipe.model_copy(update=changes)


def touches(path: str, recipe: Recipe) -> bool:
    """Whether a setting such as `finetune.epochs` decides anything of the one model of a recipe."""
    (model,) = recipe.trained_models
    section = path.partition(".")[0]
    if path.endswith(".language_learning_rate") and not recipe.reads_words:
        return False
    if section.startswith("finetune"):
        return getattr(recipe, section) is finetuning_config(recipe, model)
    if section == "pretrain":
        return recipe.starts_pretrained(model)
    if section == "method":
        return recipe.starts_pretrained(model) or recipe.served(model).kind != "id-only"
    if section == "language_model":
        return recipe.reads_words
    return section != "ctr_model" or recipe.method.has_ctr_model


def name_of(recipe: Recipe) -> str:
    """A run's folder: its model and 12 hexadecimal digits of what decides it; the device is not part of that."""
    (model,) = recipe.trained_models
    return f"{model}-{fingerprint(recipe.model_dump(mode='json', exclude=_NOT_OF_TRAINING))[:12]}"


def pretraining_of(recipe: Recipe) -> str | None:
    """Equal where two runs can share a pretraining; None where a run has none. Known before any data is."""
    if not recipe.pretrains:
        return None
    apart = {"finetune", "finetune_with_language_model", "models", *_NOT_OF_TRAINING}
    settings = recipe.model_dump(mode="json", exclude=apart)
    for name in ("activation_checkpointing",) if recipe.method.pools else ("pooling", "activation_checkpointing"):
        (settings["language_model"] or {}).pop(name, None)
    return fingerprint(settings)
