"""A module traced into an ONNX graph, its large table left out."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from clickprompt.export.quiet import quiet_exporters
from clickprompt.export.tables import FloatTable, Int8Table

OPSET = 21
PROBABILITY = "probability"

Shapes = Mapping[str, Sequence[int | str]]
"""Of each input, in order; sizes that are free have a name."""


@dataclass(frozen=True)
class OnnxGraph:
    """A graph and the tables that it looks up in, apart: they meet in the file."""

    model: onnx.ModelProto
    """Refers to initializers that are in `tables` alone."""
    tables: dict[str, np.ndarray]
    """By the initializer's name."""


def traced_graph(
    module: nn.Module, shapes: Shapes, examples: tuple[torch.Tensor, ...], free: Any, table: str | None
) -> OnnxGraph:
    """The module from inputs of these shapes to `probability` float32 (rows,).

    `examples` and `free` are example inputs and dynamic shapes as `torch.export` takes them; `table` is the path of the
    module's embedding table. It is traced with two rows, so that millions cost neither time nor memory.
    """
    shared: dict[int, object] = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    tables = {}
    if table is not None:
        whole = module.get_submodule(table)
        assert isinstance(whole, FloatTable | Int8Table)
        shared |= {id(whole): whole.placeholder()}
        tables = {f"{table}.{name}": tensor.numpy() for name, tensor in whole.named_buffers()}
    with quiet_exporters():
        program = torch.onnx.export(
            copy.deepcopy(module, shared),
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(shapes),
            output_names=[PROBABILITY],
            dynamic_shapes=free,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    _tidy(model, shapes, tables)
    return OnnxGraph(model, tables)


def _tidy(model: onnx.ModelProto, shapes: Shapes, tables: Collection[str]) -> None:
    """Name what is free, take the placeholders out, and leave nothing of how and where the graph was traced."""
    graph = model.graph
    kept = [tensor for tensor in graph.initializer if tensor.name not in tables]
    assert len(kept) == len(graph.initializer) - len(tables), f"{sorted(tables)} are not all initializers of the graph"
    graph.ClearField("initializer")
    graph.initializer.extend(kept)
    for field in ("value_info", "metadata_props", "doc_string"):
        graph.ClearField(field)
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.ClearField("metadata_props")
    graph.name = "clickprompt"
    for value in (*graph.input, *graph.output):
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ("rows",)), strict=True):
            if isinstance(size, str):
                dim.dim_param = size
