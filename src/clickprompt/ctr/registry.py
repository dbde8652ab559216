"""The ID models by name. A new model is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field as Setting

from clickprompt.ctr.auto_int import AutoInt, AutoIntConfig
from clickprompt.ctr.dcn_v2 import DCNv2, DCNv2Config
from clickprompt.ctr.dnn import DNN, DNNConfig
from clickprompt.ctr.model import CTRModel, CTRModelConfig

_MODELS: dict[type[CTRModelConfig], type[CTRModel]] = {
    DCNv2Config: DCNv2,
    DNNConfig: DNN,
    AutoIntConfig: AutoInt,
}

if TYPE_CHECKING:
    AnyCTRModelConfig = CTRModelConfig
else:
    AnyCTRModelConfig = Annotated[Union[tuple(_MODELS)], Setting(discriminator="kind")]  # noqa: UP007
    """The config of any ID model; `kind` picks the class."""

CTR_MODELS: dict[str, type[CTRModelConfig]] = {str(config.model_fields["kind"].default): config for config in _MODELS}
"""Config class of each ID model by its `kind`."""


def build_ctr_model(config: CTRModelConfig, num_fields: int, num_embeddings: int) -> CTRModel:
    """A new ID model with random weights, drawn from torch's global generator."""
    return _MODELS[type(config)](config, num_fields, num_embeddings)
