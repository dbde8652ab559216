"""The ID models by name. A new model is one file and one line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field as Setting

from clickprompt.contracts import Pooling
from clickprompt.ctr.auto_int import AutoInt, AutoIntConfig
from clickprompt.ctr.dcn import DCN, DCNConfig
from clickprompt.ctr.dcn_v2 import DCNv2, DCNv2Config
from clickprompt.ctr.deep_fm import DeepFM, DeepFMConfig
from clickprompt.ctr.dnn import DNN, DNNConfig
from clickprompt.ctr.fgcnn import FGCNN, FGCNNConfig
from clickprompt.ctr.fi_gnn import FiGNN, FiGNNConfig
from clickprompt.ctr.final_mlp import FinalMLP, FinalMLPConfig
from clickprompt.ctr.fm import FM, FMConfig
from clickprompt.ctr.gdcn import GDCN, GDCNConfig
from clickprompt.ctr.initial_weights import initialise_linear_layers
from clickprompt.ctr.ipnn import IPNN, IPNNConfig
from clickprompt.ctr.list_pooling import ListPooling
from clickprompt.ctr.model import CTRModel, CTRModelConfig
from clickprompt.ctr.x_deep_fm import XDeepFM, XDeepFMConfig

_MODELS: dict[type[CTRModelConfig], type[CTRModel]] = {
    DCNv2Config: DCNv2,
    DNNConfig: DNN,
    FMConfig: FM,
    DeepFMConfig: DeepFM,
    XDeepFMConfig: XDeepFM,
    IPNNConfig: IPNN,
    DCNConfig: DCN,
    AutoIntConfig: AutoInt,
    FiGNNConfig: FiGNN,
    FGCNNConfig: FGCNN,
    FinalMLPConfig: FinalMLP,
    GDCNConfig: GDCN,
}

if TYPE_CHECKING:
    AnyCTRModelConfig = CTRModelConfig
else:
    AnyCTRModelConfig = Annotated[Union[tuple(_MODELS)], Setting(discriminator="kind")]  # noqa: UP007
    """The config of any ID model; `kind` picks the class."""

CTR_MODELS: dict[str, type[CTRModelConfig]] = {str(config.model_fields["kind"].default): config for config in _MODELS}
"""Config class of each ID model by its `kind`."""


def build_ctr_model(
    config: CTRModelConfig, num_fields: int, num_embeddings: int, pooling: Sequence[Pooling | None] = ()
) -> CTRModel:
    """A new ID model with random weights, drawn from torch's global generator.

    `pooling`: how the items of each list field become one embedding, None for fields of one value; empty without lists.
    """
    model = _MODELS[type(config)](config, num_fields, num_embeddings)
    initialise_linear_layers(model)
    if any(pooling):
        model.list_pooling = ListPooling(pooling, config.embedding_width)
    return model
