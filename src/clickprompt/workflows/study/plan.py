"""The grid of a study, each of its recipes checked before anything runs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickprompt.settings import ClickPromptError
from clickprompt.workflows.recipe import Recipe, parse_recipe
from clickprompt.workflows.study.config import Study, StudyMethod
from clickprompt.workflows.study.merge import merged, unfolded
from clickprompt.workflows.study.needs import kind_that_trains, needed, touches


@dataclass(frozen=True)
class Combination:
    """A method on one data set with one ID model and one language model: a run for each seed, and its trials."""

    data_set: str
    method: str
    model: str
    ctr_model: str | None
    """None where the method has none."""
    language_model: str | None
    """None where the method reads no words."""
    content: dict[str, Any]
    """Its recipe as plain data, without seed and without settings from trials."""
    settings: tuple[dict[str, Any], ...]
    """What each trial sets; one that sets nothing where the study tunes nothing."""
    where: str
    """For errors."""

    def recipe(self, seed: int, settings: dict[str, Any]) -> Recipe:
        """What one run is, without all that does not touch it."""
        return needed(_recipe(merged(self.content, unfolded(settings)), seed, self.where))


def plan(study: Study, where: str = "study") -> list[Combination]:
    """Every combination of the study, in its own order. Raises ClickPromptError that names the method at fault."""
    return [
        combination
        for data_set in study.data_sets
        for name, method in study.methods.items()
        for combination in _combinations(study, data_set, name, method, where)
    ]


def _combinations(study: Study, data_set: str, name: str, method: StudyMethod, where: str) -> list[Combination]:
    where = f"{where}, {name} on {data_set}"
    kind = {} if "method" in method.recipe else {"method": {"kind": kind_that_trains(method.model, where)}}
    ctr_names: tuple[str | None, ...] = tuple(method.ctr_models or study.ctr_models) or (None,)
    language_names: tuple[str | None, ...] = tuple(method.language_models or study.language_models) or (None,)
    if _brings(method, "ctr_model", "kind"):
        ctr_names = (None,)
    if _brings(method, "language_model", "name"):
        language_names = (None,)
    found: dict[tuple[str | None, str | None], Combination] = {}
    for ctr in ctr_names:
        for language in language_names:
            axes: dict[str, Any] = {}
            if ctr is not None:
                axes["ctr_model"] = study.ctr_models[ctr]
            if language is not None:
                axes["language_model"] = study.language_models[language]
            content = merged(study.base, study.data_sets[data_set], axes, kind, method.recipe)
            content["models"] = [method.model]
            recipe = _recipe(content, study.seeds[0], where)
            _check_axes(method, recipe, where)
            names = _names(recipe, ctr, language)
            if names not in found:
                settings = _drawn(study, method, recipe, where)
                found[names] = Combination(data_set, name, method.model, *names, content, settings, where)
                for trial in settings:
                    found[names].recipe(study.seeds[0], trial)
    return list(found.values())


def _brings(method: StudyMethod, section: str, setting: str) -> bool:
    """Whether it has a model of its own, in place of the study's."""
    return setting in (method.recipe.get(section) or {})


def _check_axes(method: StudyMethod, recipe: Recipe, where: str) -> None:
    """Raises ClickPromptError for a choice among the study's models that the method has no use for."""
    for axis, chosen, used, lacks, section, setting in (
        ("ctr_models", method.ctr_models, recipe.method.has_ctr_model, "has no ID model", "ctr_model", "kind"),
        ("language_models", method.language_models, recipe.reads_words, "reads no words", "language_model", "name"),
    ):
        if chosen is not None and not used:
            raise ClickPromptError(f"{where}: {axis}: {method.model} {lacks}; drop the setting")
        if chosen is not None and _brings(method, section, setting):
            raise ClickPromptError(
                f"{where}: {axis}: the method has a {section}.{setting} of its own; drop the setting"
            )


def _names(recipe: Recipe, ctr: str | None, language: str | None) -> tuple[str | None, str | None]:
    words = Path(recipe.language_model.name).name if recipe.language_model is not None else None
    return (
        (ctr or recipe.ctr_model.kind) if recipe.method.has_ctr_model else None,
        (language or words) if recipe.reads_words else None,
    )


def _drawn(study: Study, method: StudyMethod, recipe: Recipe, where: str) -> tuple[dict[str, Any], ...]:
    """Settings of the trials, without replacement, from that part of the space which touches the model."""
    if study.trials is None:
        return ({},)
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    space = method.space if method.space is not None else study.trials.space
    space = {path: values for path, values in space.items() if touches(path, recipe)}
    grid, count = ParameterGrid({path: list(values) for path, values in space.items()}), study.trials.count
    if len(grid) < count:
        raise ClickPromptError(
            f"{where}: the search space has {len(grid)} settings that touch {method.model}, but trials.count is "
            f"{count} for every method; widen trials.space or give the method a space of its own"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = ParameterSampler(grid.param_grid[0], count, random_state=study.trials.seed)
        return tuple(dict(sorted(settings.items())) for settings in drawn)


def _recipe(content: dict[str, Any], seed: int, where: str) -> Recipe:
    return parse_recipe({**content, "seed": seed}, where)
