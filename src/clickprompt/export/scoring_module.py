"""An ID model as one module from embedding rows to probabilities, in the shape that exporters trace."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from clickprompt.bundle import Bundle
from clickprompt.ctr import CTRModel
from clickprompt.export.calibrators import curve_of
from clickprompt.export.padded_lists import PaddedPooling
from clickprompt.export.tables import FloatTable, Int8Table
from clickprompt.table import PADDING


class PaddedCTRModel(nn.Module):
    """What a `CTRModel` computes, with lists padded and the table a part that can be exchanged.

    Shapes: feature_ids int64 (rows, fields), for each list field in schema order items int64 (rows, most), embedding
    rows padded at the end with −1 → q (rows, representation_dim). Columns of list fields in feature_ids are not read.
    """

    def __init__(self, ctr: CTRModel, table: FloatTable | Int8Table) -> None:
        super().__init__()
        self.table = table
        # all but the table: its weights are shared, not copied
        shared: dict[int, object] = {id(tensor): tensor for tensor in (*ctr.parameters(), *ctr.buffers())}
        self.ctr: CTRModel = copy.deepcopy(ctr, shared | {id(ctr.embedding): nn.Identity()}).eval()
        self.pooled = [] if ctr.list_pooling is None else list(ctr.list_pooling.pooling)
        self.alone = [field for field in range(ctr.num_fields) if field not in self.pooled]
        self.pooling = nn.ModuleList()
        if ctr.list_pooling is not None:
            self.pooling.extend(PaddedPooling(ctr.list_pooling, field) for field in self.pooled)
            self.ctr.list_pooling = None

    def embed(self, feature_ids: Tensor, items: tuple[Tensor, ...]) -> Tensor:
        """Embeddings (rows, fields, embedding_width)."""
        if not self.pooled:
            return self.table(feature_ids)
        pieces: dict[int, Tensor] = {}
        if self.alone:
            vectors = self.table(feature_ids[:, self.alone])
            pieces = {field: vectors[:, place : place + 1] for place, field in enumerate(self.alone)}
        for field, pooling, rows in zip(self.pooled, self.pooling, items, strict=True):
            pieces[field] = pooling(self.table(rows.clamp(min=0)), rows != PADDING).unsqueeze(1)
        return torch.cat([pieces[field] for field in sorted(pieces)], dim=1)

    def representation(self, feature_ids: Tensor, items: tuple[Tensor, ...]) -> Tensor:
        """q of each row."""
        return self.ctr.interact(self.embed(feature_ids, items))

    def head(self, q: Tensor) -> Tensor:
        """Logit (rows,) of each representation."""
        return self.ctr.head(q)


class ScoringModule(nn.Module):
    """Embedding rows in, calibrated probabilities float32 (rows,) out; inputs as `PaddedCTRModel` takes them."""

    def __init__(self, model: PaddedCTRModel, curve: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.curve = curve

    def forward(self, feature_ids: Tensor, *items: Tensor) -> Tensor:
        return self.curve(self.model.head(self.model.representation(feature_ids, items)))


def scoring_module(bundle: Bundle, *, int8: bool = False) -> ScoringModule:
    """The module of a bundle that reads ids alone; `int8` holds the table in 8-bit integers."""
    ctr = bundle.method.ctr
    assert ctr is not None
    weight = ctr.embedding.weight
    table = Int8Table.of(weight, ctr.config.embedding_dim) if int8 else FloatTable(weight)
    return ScoringModule(PaddedCTRModel(ctr, table), curve_of(bundle.calibrator)).eval()


def example_inputs(module: ScoringModule) -> tuple[torch.Tensor, ...]:
    """Three rows of zeros, as tracing asks for."""
    fields = module.model.ctr.num_fields
    return (
        torch.zeros(3, fields, dtype=torch.long),
        *(torch.zeros(3, 4, dtype=torch.long) for _ in module.model.pooled),
    )


def dynamic_shapes(module: ScoringModule) -> tuple[object, ...]:
    """Which sizes of the inputs are free: rows, and the items of each list field."""
    free = torch.export.Dim.DYNAMIC
    lists = tuple({0: free, 1: free} for _ in module.model.pooled)
    return ({0: free}, lists) if lists else ({0: free},)
