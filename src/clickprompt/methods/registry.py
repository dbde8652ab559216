"""The methods by name, and the models that each of them trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field as Setting

from clickprompt.methods.clickprompt import ClickPrompt, ClickPromptConfig
from clickprompt.methods.id_only import IDOnly, IDOnlyConfig
from clickprompt.methods.masked_field import MaskedField, MaskedFieldConfig
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.parts import Parts

AnyMethodConfig = Annotated[ClickPromptConfig | IDOnlyConfig | MaskedFieldConfig, Setting(discriminator="kind")]
"""The config of any method; `kind` picks the class."""

METHODS: dict[str, type[MethodConfig]] = {
    "clickprompt": ClickPromptConfig,
    "id-only": IDOnlyConfig,
    "masked-field": MaskedFieldConfig,
}
"""Config class of each method by its `kind`."""

_CLASSES: dict[str, type[Method]] = {
    "clickprompt": ClickPrompt,
    "id-only": IDOnly,
    "masked-field": MaskedField,
}


@dataclass(frozen=True)
class Model:
    """One of the models that a method trains."""

    name: str
    served_as: Callable[[], MethodConfig] | None = None
    """What is finetuned, saved and served, where it is not the method itself: the ID model alone, say."""
    pretrained: bool = True
    """Whether it starts from what the method's pretraining has learned."""

    def served(self, method: Any) -> MethodConfig:
        """Settings of what is finetuned, saved and served."""
        return method if self.served_as is None else self.served_as()


BASE = Model("id-only", IDOnlyConfig, pretrained=False)
"""The plain ID model: every method trains it too, to be compared with."""

MODELS: dict[str, tuple[Model, ...]] = {
    "id-only": (BASE,),
    "masked-field": (BASE, Model("masked-field", IDOnlyConfig)),
    "clickprompt": (BASE, Model("clickprompt-without-lm", IDOnlyConfig), Model("clickprompt-with-lm")),
}
"""The models of each method by its `kind`."""


def build_method(config: MethodConfig, parts: Parts) -> Method:
    """The method that the settings describe."""
    return _CLASSES[config.kind].from_parts(config, parts)
