"""A study: a grid of runs as one small YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, NonNegativeInt, PositiveInt, ValidationError, model_validator
from pydantic import Field as Setting
from pydantic_core import PydanticCustomError

from clickprompt.language import LanguageModelConfig
from clickprompt.settings import Settings, did_you_mean, explain
from clickprompt.training import FinetuneConfig, FinetuneWithLanguageModelConfig, PretrainConfig
from clickprompt.workflows.recipe import Recipe, read_yaml

SECTIONS = tuple(name for name in Recipe.model_fields if name not in ("models", "seed"))
"""What a study may set of a recipe: all but what its grid sets."""
_TUNED: dict[str, type[Settings] | None] = {
    "pretrain": PretrainConfig,
    "finetune": FinetuneConfig,
    "finetune_with_language_model": FinetuneWithLanguageModelConfig,
    "language_model": LanguageModelConfig,
    "ctr_model": None,
    "method": None,
}
"""Sections that trials may draw from, and what knows their settings where it does not hang on `kind`."""


def _known_sections(content: dict[str, Any]) -> dict[str, Any]:
    for name in content:
        if name not in SECTIONS:
            raise PydanticCustomError(
                "unknown_setting", "{message}", {"name": name, "message": did_you_mean(name, SECTIONS)}
            )
    return content


def _known_paths(space: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    for path, values in space.items():
        section, _, setting = path.partition(".")
        if section not in _TUNED or not setting:
            raise ValueError(f"{path} is no setting that can be tuned; write section.setting, as finetune.epochs")
        known = _TUNED[section]
        if known is not None and (name := setting.partition(".")[0]) not in known.model_fields:
            raise ValueError(f"{path} is no setting of {section}{did_you_mean(name, known.model_fields)}")
        if any(value in values[:place] for place, value in enumerate(values)):
            raise ValueError(f"{path} names a value twice, so two trials would be one; name each once")
    return space


PartialRecipe = Annotated[dict[str, Any], AfterValidator(_known_sections)]
"""Some sections of a recipe, some settings of each."""
Names = Annotated[tuple[str, ...], Setting(min_length=1)]
Space = Annotated[dict[str, Annotated[tuple[Any, ...], Setting(min_length=1)]], AfterValidator(_known_paths)]
"""Values to try by setting, such as `finetune.ctr_learning_rate: [1.0e-3, 3.0e-3]`."""


class TrialsConfig(Settings):
    """Tuning: as many trials for every method, on one seed, judged by validation AUC."""

    count: PositiveInt
    """Trials of every method on each data set, ID model and language model."""
    seed: NonNegativeInt = 1
    """Of every random draw in the trials, and of the draw of their settings."""
    space: Space = Setting(default_factory=dict)
    """What trials draw from, without replacement; settings that do not touch a method are left out of its draws."""


class StudyMethod(Settings):
    """A row of the tables: a model, and what is set for it alone. Sections of a recipe may stand beside `model`."""

    model: str
    """One of those that runs train: id-only, clickprompt-with-lm, …; without a `method` section its own is taken."""
    ctr_models: Names | None = None
    """ID models of the study that it is run with; all where not given."""
    language_models: Names | None = None
    """Language models of the study that it is run with; all where not given."""
    space: Space | None = None
    """Its own search space in place of the study's; the number of trials stays."""
    recipe: dict[str, Any] = Setting(default_factory=dict)
    """The sections beside it; not written in files."""

    @model_validator(mode="before")
    @classmethod
    def _gather_sections(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        own = [name for name in cls.model_fields if name != "recipe"]
        for name in content:
            if name not in own and name not in SECTIONS:
                message = did_you_mean(name, [*own, *SECTIONS])
                raise PydanticCustomError("unknown_setting", "{message}", {"name": name, "message": message})
        sections = {name: value for name, value in content.items() if name in SECTIONS}
        return {name: value for name, value in content.items() if name in own} | {"recipe": sections}


class Study(Settings):
    """Data sets × methods × ID models × language models × seeds."""

    title: str
    """What the tables are headed with."""
    table: Literal[2, 3, 4, 5, 6] | None = None
    """Which of the ClickPrompt paper's tables the result is laid out as; null: a plain one."""
    base: PartialRecipe = Setting(default_factory=dict)
    """Settings that all runs share."""
    data_sets: dict[str, PartialRecipe] = Setting(min_length=1)
    """`data` of each, by name, and whatever else of a recipe its rows ask for."""
    ctr_models: dict[str, dict[str, Any]] = Setting(default_factory=dict)
    """`ctr_model` by name; none: the one of `base` alone."""
    language_models: dict[str, dict[str, Any]] = Setting(default_factory=dict)
    """`language_model` by name; none: the one of `base` alone."""
    methods: dict[str, StudyMethod] = Setting(min_length=1)
    """The rows of the tables."""
    seeds: tuple[NonNegativeInt, ...] = Setting(min_length=1)
    """Of every random draw in training, the pretraining's too: one run a seed."""
    baseline: str | None = None
    """The method that others are compared with."""
    trials: TrialsConfig | None = None
    """Null: nothing is tuned."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: {list(self.seeds)} names one twice")
        if self.baseline is not None and self.baseline not in self.methods:
            raise ValueError(f"baseline: {self.baseline} is no method{did_you_mean(self.baseline, self.methods)}")
        for name, method in self.methods.items():
            if method.space is not None and self.trials is None:
                raise ValueError(f"methods.{name}.space: this study has no trials; set trials.count, or drop the space")
            for kind, chosen, known in (
                ("ctr_models", method.ctr_models, self.ctr_models),
                ("language_models", method.language_models, self.language_models),
            ):
                for other in chosen or ():
                    if other not in known:
                        raise ValueError(
                            f"methods.{name}.{kind}: {other} is not among the study's{did_you_mean(other, known)}"
                        )
        return self


def load_study(path: Path) -> Study:
    """Read a study. Raises ClickPromptError that names the file, the setting, and the nearest known name."""
    return parse_study(read_yaml(path, what="study"), str(path))


def parse_study(content: dict[str, Any], where: str = "study") -> Study:
    """A study from plain data; `where` names it in errors."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise explain(error, where, content, what="study") from None
