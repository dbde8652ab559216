"""A recipe: a whole run as one YAML file, checked before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field as Setting
from pydantic import NonNegativeInt, ValidationError, field_validator, model_validator

from clickprompt.contracts import Reads
from clickprompt.ctr import AnyCTRModelConfig
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig
from clickprompt.methods import BASE, MODELS, AnyMethodConfig, ClickPromptConfig, MethodConfig, Model
from clickprompt.secrets import masked_values
from clickprompt.settings import ClickPromptError, Settings, did_you_mean, explain
from clickprompt.storage import clear_disk_errors
from clickprompt.table import DataConfig
from clickprompt.training import (
    CheckpointConfig,
    DeviceName,
    FinetuneConfig,
    FinetuneWithLanguageModelConfig,
    GuardConfig,
    PretrainConfig,
)
from clickprompt.workflows.evaluation_config import EvaluationConfig

ModelName = str
"""One of the models that `clickprompt.methods.MODELS` names."""


class Recipe(Settings):
    """Everything that decides what a run does."""

    data: DataConfig
    """Where rows come from, how they are split and numbered."""
    ctr_model: AnyCTRModelConfig = DCNv2Config()
    """The ID model."""
    language_model: LanguageModelConfig | None = LanguageModelConfig()
    """The language model; null where no method needs one."""
    method: AnyMethodConfig = ClickPromptConfig()
    """How the two meet."""
    pretrain: PretrainConfig | None = PretrainConfig()
    """Pretraining without labels, for methods that have one; null: models start as they are, an ablation."""
    finetune: FinetuneConfig = FinetuneConfig()
    """Training on clicks of every model that reads no sentences: the ID model, alone or with text features."""
    finetune_with_language_model: FinetuneWithLanguageModelConfig = FinetuneWithLanguageModelConfig()
    """Training on clicks of every model that reads sentences, with or without an ID model."""
    models: tuple[ModelName, ...] | None = Setting(default=None, min_length=1)
    """Which models to train and compare; null: all that the method knows, and the plain ID model beside them."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How test rows are measured."""
    checkpoint: CheckpointConfig | None = CheckpointConfig()
    """How often training is saved so that it can go on after a stop; null: never."""
    guards: GuardConfig = GuardConfig()
    """What training does about numbers that go wrong."""
    seed: NonNegativeInt = 42
    """Of every random draw in training: weights, shuffles, masks, dropout."""
    device: DeviceName = "auto"
    """Where to compute."""

    @field_validator("ctr_model", "method", mode="before")
    @classmethod
    def _a_word_is_a_kind(cls, section: Any) -> Any:
        return {"kind": section} if isinstance(section, str) else section

    @field_validator("models", mode="before")
    @classmethod
    def _one_model_is_a_list_too(cls, models: Any) -> Any:
        return (models,) if isinstance(models, str) else models

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        known = tuple(model.name for model in MODELS[self.method.kind])
        for name in self.models or ():
            if name not in known:
                raise ValueError(f"models: method {self.method.kind} trains no {name}{did_you_mean(name, known)}")
            if name not in self._trainable:
                raise ValueError(f"models: {name} would be the plain ID model, for no pretraining reaches it; drop it")
        if self.reads_words and self.language_model is None:
            raise ValueError(f"method {self.method.kind} needs a language_model")
        if self.language_model is not None:
            self.method.check(self.language_model)
        if self.method.asks is not None and self.finetune_with_language_model.language_learning_rate == 0:
            raise ValueError(
                "finetune_with_language_model.language_learning_rate is 0, but "
                f"{self.method.kind} has nothing else to train; raise it or leave it out"
            )
        if self.language_model is not None and self.language_model.tuning.kind == "frozen":
            for name in ("pretrain", "finetune_with_language_model"):
                section = getattr(self, name)
                rate = section and section.language_learning_rate
                if rate:
                    raise ValueError(
                        f"{name}.language_learning_rate is {rate:g}, but language_model.tuning is frozen; drop either"
                    )
        if self.pretrains and not self.method.teaches(ids_alone=True) and not self._pretraining_rate:
            raise ValueError(
                f"pretrain would teach nothing, for method {self.method.kind} pretrains a frozen language model; "
                "set pretrain: null"
            )
        if self.pretrains and self.method.whole_batches:
            at_once = self.pretraining.micro_batch_size
            if at_once is not None and at_once < self.pretraining.batch_size:
                raise ValueError(
                    f"pretrain.micro_batch_size is {at_once}, but {self.method.kind} compares all "
                    f"{self.pretraining.batch_size} rows of a batch with each other; leave it out, or lower "
                    "pretrain.batch_size"
                )
        return self

    @property
    def _pretraining_rate(self) -> float:
        """What of the language model's learning rate pretraining has; 0 where it is frozen."""
        assert self.language_model is not None
        own = self.pretraining.language_learning_rate
        return self.language_model.tuning.default_learning_rate if own is None else own

    @property
    def trained_models(self) -> tuple[ModelName, ...]:
        """The models a run trains, the plain ID model first."""
        return tuple(name for name in self._trainable if name in (self.models or self._trainable))

    @property
    def _trainable(self) -> tuple[ModelName, ...]:
        """The models of the method, but those that have nothing over the plain ID model."""
        return tuple(
            model.name
            for model in MODELS[self.method.kind]
            if model is BASE or self.starts_pretrained(model.name) or self.served(model.name).kind != "id-only"
        )

    def model(self, name: ModelName) -> Model:
        """What is known of one of the method's models."""
        return next(model for model in MODELS[self.method.kind] if model.name == name)

    def served(self, name: ModelName) -> MethodConfig:
        """Settings of what is finetuned and saved under this name."""
        return self.model(name).served(self.method)

    def reads(self, name: ModelName) -> Reads:
        """What this model reads of a row when it is finetuned and served."""
        return self.served(name).reads

    def starts_pretrained(self, name: ModelName) -> bool:
        """Whether this model starts from a pretrained state."""
        model = self.model(name)
        return self.pretrain is not None and model.pretrained and self.method.teaches(model.served_as is not None)

    def tunes_words(self, name: ModelName) -> bool:
        """Whether clicks train a language model in it: by `finetune_with_language_model` then."""
        return self.reads(name) in ("sentence", "sides")

    @property
    def pretrains(self) -> bool:
        """Whether any trained model starts from a pretrained state."""
        return any(map(self.starts_pretrained, self.trained_models))

    @property
    def reads_words(self) -> bool:
        """Whether sentences are needed at all."""
        return bool(self.all_reads - {"ids"})

    @property
    def all_reads(self) -> set[Reads]:
        """What is read of rows in any step."""
        return {self.reads(name) for name in self.trained_models} | ({self.method.reads} if self.pretrains else set())

    @property
    def pretraining(self) -> PretrainConfig:
        """The section `pretrain`, where it is known to be there."""
        assert self.pretrain is not None
        return self.pretrain


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply `key=value` overrides, such as `pretrain.epochs=3`. Paths in it are as seen from here.

    Raises ClickPromptError that names the file, the setting, and the nearest known name.
    """
    data = read_yaml(path)
    for override in overrides:
        _apply(data, override)
    return parse_recipe(data, str(path))


def parse_recipe(data: dict[str, Any], where: str = "recipe") -> Recipe:
    """A recipe from plain data; `where` names it in errors."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise explain(error, where, data) from None


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out, passwords in addresses struck out."""
    return yaml.safe_dump(masked_values(recipe.model_dump(mode="json")), sort_keys=False, allow_unicode=True, width=120)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a setting's name is a word", key_node.start_mark)
            if key_node.value in seen:
                problem = f"{key_node.value} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, what: str = "recipe") -> dict[str, Any]:
    """A YAML file's settings; `what` the file is, for errors. Raises ClickPromptError where it holds none."""
    if not path.exists():
        raise ClickPromptError(f"{path}: no such {what}")
    with clear_disk_errors(path):
        content = path.read_bytes()
    try:
        data = yaml.load(content.decode("utf-8"), Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise ClickPromptError(f"{path}: not UTF-8 text (byte {error.start}); save the {what} as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ClickPromptError(f"{path}, line {line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ClickPromptError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ClickPromptError(f"{path}: not a {what}: brackets within brackets without end") from None
    if not isinstance(data, dict):
        raise ClickPromptError(f"{path}: a {what} is a list of settings such as `seed: 42`; this file holds none")
    return data


def _apply(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise ClickPromptError(f"--set {override}: expected key=value, such as --set pretrain.epochs=3")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    *parents, last = name.strip().split(".")
    section = data
    for part in parents:
        if section.get(part) is None:
            section[part] = {}
        if isinstance(section[part], str):  # a kind without settings
            section[part] = {"kind": section[part]}
        section = section[part]
        if not isinstance(section, dict):
            raise ClickPromptError(f"--set {override}: {part} is not a section of settings")
    section[last] = value
