"""FuxiCTR's ranking models. Runs in the peers' environment.

The wheel carries their layers, training loop and loaders; the models themselves stand in `model_zoo/` of its
repository. Those that only join layers of the wheel are joined here the same way; the rest are loaded from a checkout
(`git clone --branch v2.3.10 https://github.com/reczoo/FuxiCTR`).
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.layers import (
    CompressedInteractionNet,
    CrossNet,
    CrossNetV2,
    FactorizationMachine,
    FeatureEmbedding,
    InnerProductInteraction,
    LogisticRegression,
    MLP_Block,
)
from fuxictr.pytorch.models import BaseModel
from model_zoo.LongCTR.FinalMLP.FinalMLP import FeatureSelection, InteractionAggregation
from torch import Tensor, nn

FROM_CHECKOUT = {
    "auto-int": ("AutoInt", "AutoInt"),
    "fi-gnn": ("FiGNN", "FiGNN"),
    "fgcnn": ("FGCNN", "FGCNN"),
    "gdcn": ("GDCN", "GDCNP"),
}
"""Folder of the model zoo and class, of models whose layers the wheel lacks."""


def feature_map_of(vocabulary: list[int], folder: Path, embedding_dim: int) -> FeatureMap:
    """Fields `f0`, `f1`, … with so many values each, and the label `label`."""
    features = FeatureMap("benchmark", str(folder))
    features.features = OrderedDict(
        (f"f{n}", {"source": "", "type": "categorical", "vocab_size": size}) for n, size in enumerate(vocabulary)
    )
    features.labels = ["label"]
    features.num_fields, features.total_features = len(vocabulary), sum(vocabulary)
    features.default_emb_dim = embedding_dim
    features.set_column_index()
    return features


def build(kind: str, features: FeatureMap, folder: Path, zoo: Path | None, gpu: int, **sizes: Any) -> BaseModel:
    """A model by our name for it, with FuxiCTR's names for its sizes, its initial weights, and no regularizers."""
    settings = {
        "model_id": kind,
        "gpu": gpu,
        "learning_rate": 1e-3,
        "optimizer": "adam",
        "loss": "binary_crossentropy",
        "metrics": ["AUC"],
        "monitor": "AUC",
        "verbose": 0,
        "model_root": str(folder),
        "task": "binary_classification",
        "embedding_dim": features.default_emb_dim,
        "embedding_regularizer": None,
        "net_regularizer": None,
    }
    if kind not in FROM_CHECKOUT:
        return _JOINED[kind](features, settings, sizes)
    if zoo is None:
        raise SystemExit(f"{kind}: its layers are not in fuxictr's wheel; give --model-zoo FOLDER of a checkout")
    place, name = FROM_CHECKOUT[kind]
    file = zoo / place / "src" / f"{place}.py"
    if not file.exists():
        raise SystemExit(f"{file}: no such file; --model-zoo wants the model_zoo folder of FuxiCTR's repository")
    spec = importlib.util.spec_from_file_location(f"zoo_{place}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)(features, **settings, **sizes)


class Joined(BaseModel):
    """p = σ(logit(X, embeddings)), built, compiled and initialised as the model zoo's models are."""

    def __init__(self, features: FeatureMap, settings: dict[str, Any], sizes: dict[str, Any]) -> None:
        super().__init__(features, **settings)
        dim = settings["embedding_dim"]
        self.embedding_layer = FeatureEmbedding(features, dim)
        self.join(features, features.num_fields * dim, **sizes)
        self.compile(settings["optimizer"], settings["loss"], settings["learning_rate"])
        self.reset_parameters()
        self.model_to_device()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        columns = self.get_inputs(inputs)
        return {"y_pred": self.output_activation(self.logit(columns, self.embedding_layer(columns)))}


class FM(Joined):
    def join(self, features: FeatureMap, width: int) -> None:
        self.fm = FactorizationMachine(features)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        return self.fm(columns, embeddings)


class DNN(Joined):
    def join(self, features: FeatureMap, width: int, hidden_units: list[int]) -> None:
        self.mlp = MLP_Block(input_dim=width, output_dim=1, hidden_units=hidden_units)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        return self.mlp(embeddings.flatten(1))


class DeepFM(Joined):
    def join(self, features: FeatureMap, width: int, hidden_units: list[int]) -> None:
        self.fm = FactorizationMachine(features)
        self.mlp = MLP_Block(input_dim=width, output_dim=1, hidden_units=hidden_units)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        return self.fm(columns, embeddings) + self.mlp(embeddings.flatten(1))


class XDeepFM(Joined):
    def join(self, features: FeatureMap, width: int, hidden_units: list[int], cin_hidden_units: list[int]) -> None:
        self.dnn = MLP_Block(input_dim=width, output_dim=1, hidden_units=hidden_units)
        self.lr_layer = LogisticRegression(features, use_bias=False)
        self.cin = CompressedInteractionNet(features.num_fields, cin_hidden_units, output_dim=1)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        return self.lr_layer(columns) + self.cin(embeddings) + self.dnn(embeddings.flatten(1))


class IPNN(Joined):
    def join(self, features: FeatureMap, width: int, hidden_units: list[int]) -> None:
        pairs = features.num_fields * (features.num_fields - 1) // 2
        self.products = InnerProductInteraction(features.num_fields, output="inner_product")
        self.dnn = MLP_Block(input_dim=width + pairs, output_dim=1, hidden_units=hidden_units)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        return self.dnn(torch.cat([embeddings.flatten(1), self.products(embeddings)], dim=1))


class DCN(Joined):
    cross: ClassVar[type[nn.Module]] = CrossNet

    def join(self, features: FeatureMap, width: int, hidden_units: list[int], num_cross_layers: int) -> None:
        self.crossnet = self.cross(width, num_cross_layers)
        self.dnn = MLP_Block(input_dim=width, hidden_units=hidden_units)
        self.fc = nn.Linear(width + hidden_units[-1], 1)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        x0 = embeddings.flatten(1)
        return self.fc(torch.cat([self.crossnet(x0), self.dnn(x0)], dim=-1))


class DCNv2(DCN):
    cross = CrossNetV2


class FinalMLP(Joined):
    def join(
        self, features: FeatureMap, width: int, hidden_units: list[int], fs_hidden_units: list[int], num_heads: int
    ) -> None:
        self.mlp1 = MLP_Block(input_dim=width, hidden_units=hidden_units)
        self.mlp2 = MLP_Block(input_dim=width, hidden_units=hidden_units)
        self.selection = FeatureSelection(features, width, width // features.num_fields, fs_hidden_units)
        self.fusion = InteractionAggregation(hidden_units[-1], hidden_units[-1], output_dim=1, num_heads=num_heads)

    def logit(self, columns: dict[str, Tensor], embeddings: Tensor) -> Tensor:
        first, second = self.selection(columns, embeddings.flatten(1))
        return self.fusion(self.mlp1(first), self.mlp2(second))


_JOINED: dict[str, type[Joined]] = {
    "fm": FM,
    "dnn": DNN,
    "deep-fm": DeepFM,
    "x-deep-fm": XDeepFM,
    "ipnn": IPNN,
    "dcn": DCN,
    "dcn-v2": DCNv2,
    "final-mlp": FinalMLP,
}
