"""What of the language model a step trains, at which learning rate, and how results know of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from clickprompt.contracts import Progress
from clickprompt.language import FullTuning, LanguageModelConfig, adapters_of
from clickprompt.methods import Method
from clickprompt.training import FinetuneConfig, FinetuneWithLanguageModelConfig, PretrainConfig
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.seeds import seed_torch


def language_learning_rate(recipe: Recipe, config: PretrainConfig | FinetuneWithLanguageModelConfig) -> float:
    """The section's own, else what suits the tuning; 0 where the language model is frozen."""
    if config.language_learning_rate is not None:
        return config.language_learning_rate
    tuning = FullTuning() if recipe.language_model is None else recipe.language_model.tuning
    return tuning.default_learning_rate


def training_inputs(recipe: Recipe, config: PretrainConfig | FinetuneConfig) -> dict[str, Any]:
    """A section's settings for a fingerprint, with the learning rate that the language model gets."""
    settings = config.model_dump(mode="json", exclude={"calibration"})
    if isinstance(config, PretrainConfig | FinetuneWithLanguageModelConfig):
        settings["language_learning_rate"] = language_learning_rate(recipe, config)
    return settings


def language_inputs(recipe: Recipe) -> dict[str, Any] | None:
    """The language model's settings that decide pretrained weights, for a fingerprint."""
    if recipe.language_model is None:
        return None
    tuning = recipe.language_model.tuning
    settings = recipe.language_model.model_dump(mode="json", exclude={"pooling", *LanguageModelConfig.of_training})
    if recipe.language_model.compile:
        settings["compile"] = True  # rounds otherwise
    if tuning.kind == "frozen" or tuning == FullTuning():
        return settings  # the learning rate says all
    return {**settings, "tuning": tuning.model_dump(mode="json")}


def check_tuning(recipe: Recipe, config: PretrainConfig | FinetuneConfig) -> None:
    """Raises ClickPromptError where this section trains by LoRA and peft cannot do it."""
    if recipe.language_model is None or recipe.language_model.tuning.kind != "lora" or not recipe.reads_words:
        return
    if isinstance(config, PretrainConfig | FinetuneWithLanguageModelConfig) and language_learning_rate(recipe, config):
        from clickprompt.language import check_peft

        check_peft()


@contextmanager
def tuned(method: Method, recipe: Recipe, learning_rate: float, task: str, progress: Progress) -> Iterator[None]:
    """Within the block the method's language model is as it is trained, with adapters under LoRA; afterwards it has
    plain weights again. Says how much of it is trained, where that is not all.

    Raises ClickPromptError where LoRA is asked for and peft is not installed.
    """
    with ExitStack() as stack:
        if method.tuning.kind == "lora" and learning_rate and method.encoders():
            from clickprompt.language import adapted

            seed_torch(recipe.seed, f"{task} adapters")
            for encoder in method.encoders():
                stack.enter_context(adapted(encoder, method.tuning))
        if method.encoders():
            _say(method, learning_rate, task, progress)
        yield


def _say(method: Method, learning_rate: float, task: str, progress: Progress) -> None:
    adapters = {id(parameter) for encoder in method.encoders() for parameter in adapters_of(encoder)}
    whole = _numbers([p for p in method.language_parameters() if id(p) not in adapters])
    trained = _numbers(method.parts()["language"]) if learning_rate else 0
    if trained == whole:
        return
    how = f" (LoRA, rank {method.tuning.rank})" if method.tuning.kind == "lora" and learning_rate else ""
    progress.say(f"{task}: training {_millions(trained)} of {_millions(whole)} language parameters{how}")


def _numbers(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _millions(count: int) -> str:
    return f"{count / 1e6:.3g} M" if count else "0"
