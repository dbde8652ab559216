"""What every ID model is: one shared embedding, an interaction that gives q, a head that gives the logit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MethodType
from typing import Any, ClassVar, Literal, get_args

import torch
from pydantic import Field as Setting
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from clickprompt.compilation import compilation_for
from clickprompt.contracts import ListIds
from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.ctr.list_pooling import ListPooling
from clickprompt.settings import Settings

DataSet = Literal["movielens-1m", "bookcrossing", "amazon-toys", "goodreads"]
"""The data sets of the ClickPrompt paper, for which its authors tuned every ID model's sizes."""


def published_sizes(**sizes: Any) -> dict[str, dict[str, Any]]:
    """Settings by data set; a list holds one value for each in `DataSet`'s order, anything else holds for all.

    Embedding sizes are 32, 32, 16, 16 unless given.
    """
    sizes = {"embedding_dim": [32, 32, 16, 16], **sizes}
    return {
        data_set: {name: value[place] if isinstance(value, list) else value for name, value in sizes.items()}
        for place, data_set in enumerate(get_args(DataSet))
    }


class CTRModelConfig(Settings):
    """Settings that all ID models share."""

    published: ClassVar[Mapping[str, Mapping[str, Any]]] = published_sizes()
    """Settings by data set: those of ClickPrompt's authors, for models that they had."""

    kind: str
    """Which model; each subclass sets its own name."""
    preset: DataSet | None = None
    """Take all that is not set here from the published sizes for this data set."""
    embedding_dim: PositiveInt = 32
    """Width of an embedding row."""
    embedding_std: float = Setting(default=1e-3, gt=0)
    """Standard deviation of a new embedding row."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, settings: Any) -> Any:
        preset = settings.get("preset") if isinstance(settings, Mapping) else None
        if not isinstance(preset, str) or preset not in cls.published:
            return settings
        return {**cls.published[preset], **settings}

    @property
    def embedding_width(self) -> int:
        """Numbers a row of the table holds: `embedding_dim`, and whatever else a model keeps per value, beside it."""
        return self.embedding_dim


class CTRModel(nn.Module, ABC):
    """p(click) = σ(head(q)), q = interact(embed(ids)).

    Shapes: feature_ids int64 (batch, fields) → embeddings (batch, fields, embedding_width) → q (batch,
    representation_dim) → logit (batch,). Field f's OOV row is embedding row `num_embeddings − num_fields + f`.

    A subclass sets `representation_dim`, builds its layers, calls `build_head`, and writes `interact`.
    """

    representation_dim: int
    """Width of q, which prompts are made of."""

    def __init__(self, config: CTRModelConfig, num_fields: int, num_embeddings: int) -> None:
        super().__init__()
        self.config = config
        self.num_fields = num_fields
        self.embedding = EmbeddingTable(num_embeddings, config.embedding_width, config.embedding_std)
        self.list_pooling: ListPooling | None = None
        self.output: nn.Module

    def build_head(self, representation_dim: int) -> None:
        """Add the usual head, one linear layer over q. Models with another head override `head`."""
        self.representation_dim = representation_dim
        self.output = nn.Linear(representation_dim, 1)

    @abstractmethod
    def interact(self, embeddings: Tensor) -> Tensor:
        """Embeddings (batch, fields, embedding_width) → q (batch, representation_dim)."""

    def compile_interaction(self, rows: int) -> None:
        """Let torch.compile translate `interact` for training batches of so many rows, now.

        Other sizes (the last batch of an epoch) and scoring run as ever, so there is one compilation and no more.
        Raises ClickPromptError where compilation fails, as without a compiler.
        """
        plain = type(self).interact
        compiled = torch.compile(plain, dynamic=False)

        def interact(model: CTRModel, embeddings: Tensor) -> Tensor:
            fits = model.training and len(embeddings) == rows
            return compiled(model, embeddings) if fits else plain(model, embeddings)

        example = self.embedding.weight.new_zeros(rows, self.num_fields, self.config.embedding_width)
        with compilation_for("compile_interaction"):
            compiled(self, example.requires_grad_()).sum().backward()
        self.zero_grad()
        self.interact = MethodType(interact, self)  # type: ignore[method-assign]

    def embed(self, feature_ids: Tensor, lists: Sequence[ListIds] = ()) -> Tensor:
        """Embeddings (batch, fields, embedding_width), those of list fields pooled, by one lookup in the table.

        Raises ValueError where `lists` are not those of the model's list fields.
        """
        if self.list_pooling is not None:
            return self.list_pooling.embed(self.embedding, feature_ids, lists)
        if lists:
            raise ValueError("the batch has list fields, but this model was built without any")
        return self.embedding(feature_ids)

    def representation(self, feature_ids: Tensor, lists: Sequence[ListIds] = ()) -> Tensor:
        """q of each row."""
        return self.interact(self.embed(feature_ids, lists))

    def head(self, q: Tensor) -> Tensor:
        """Logit (batch,) of each representation."""
        return self.output(q).squeeze(-1)

    def forward(self, feature_ids: Tensor, lists: Sequence[ListIds] = ()) -> Tensor:
        """Logit (batch,) of each row of embedding rows."""
        return self.head(self.representation(feature_ids, lists))


def tower(input_dim: int, hidden_sizes: tuple[int, ...], dropout: float) -> nn.Sequential:
    """The deep tower of CTR models: Linear → ReLU (→ dropout) for each width."""
    layers: list[nn.Module] = []
    for width in hidden_sizes:
        layers += [nn.Linear(input_dim, width), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        input_dim = width
    return nn.Sequential(*layers)


def count_parameters(model: nn.Module) -> int:
    """Numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters())
