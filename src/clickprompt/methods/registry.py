"""The methods by name, and the models that each of them trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field as Setting

from clickprompt.methods.clickprompt import ClickPrompt, ClickPromptConfig
from clickprompt.methods.ctr_bert import CTRBert, CTRBertConfig
from clickprompt.methods.ctrl import CTRL, CTRLConfig
from clickprompt.methods.flip import FLIP, FLIPConfig
from clickprompt.methods.id_only import IDOnly, IDOnlyConfig
from clickprompt.methods.masked_field import MaskedField, MaskedFieldConfig
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.p5 import P5, P5Config
from clickprompt.methods.parts import Parts
from clickprompt.methods.ptab import PTab, PTabConfig
from clickprompt.methods.text_features import TextFeatures, TextFeaturesConfig

_METHODS: dict[type[MethodConfig], type[Method]] = {
    ClickPromptConfig: ClickPrompt,
    CTRLConfig: CTRL,
    FLIPConfig: FLIP,
    IDOnlyConfig: IDOnly,
    MaskedFieldConfig: MaskedField,
    PTabConfig: PTab,
    CTRBertConfig: CTRBert,
    TextFeaturesConfig: TextFeatures,
    P5Config: P5,
}

if TYPE_CHECKING:
    AnyMethodConfig = MethodConfig
else:
    AnyMethodConfig = Annotated[Union[tuple(_METHODS)], Setting(discriminator="kind")]  # noqa: UP007
    """The config of any method; `kind` picks the class."""

METHODS: dict[str, type[MethodConfig]] = {str(config.model_fields["kind"].default): config for config in _METHODS}
"""Config class of each method by its `kind`."""


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
    "ctrl": (BASE, Model("ctrl", IDOnlyConfig)),
    "flip": (BASE, Model("flip-id", IDOnlyConfig), Model("flip-lm", PTabConfig), Model("flip")),
    "ptab": (BASE, Model("ptab")),
    "ctr-bert": (BASE, Model("ctr-bert", pretrained=False)),
    "text-features": (BASE, Model("text-features", pretrained=False)),
    "p5": (BASE, Model("p5", pretrained=False)),
}
"""The models of each method by its `kind`."""


def build_method(config: MethodConfig, parts: Parts) -> Method:
    """The method that the settings describe."""
    return _METHODS[type(config)].from_parts(config, parts)
