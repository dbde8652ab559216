"""ONNX graphs written node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSETS = {"": 21, "ai.onnx.ml": 3, "com.microsoft": 1}
"""Versions of the operators: standard, for classic machine learning, and ONNX Runtime's own."""
_ML, _RUNTIME = "ai.onnx.ml", "com.microsoft"
_DOMAINS = {"LabelEncoder": _ML, "MurmurHash3": _RUNTIME, "Tokenizer": _RUNTIME}


class Graph:
    """Nodes and constants, each result named `{prefix}{number}`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.large: dict[str, Callable[[onnx.NodeProto], None]] = {}
        """By a node's result, what writes its large attributes: once the node is where it stays, for a message that is
        put into another is copied, and freed with all of them alone."""
        self._made: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._names = 0

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node and return the name of its one result; an empty name is an input left out."""
        return self.ops(kind, *inputs, outputs=[output or self.new_name()], **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: Sequence[str], **attributes: Any) -> list[str]:
        """As `op`, of a node with several results."""
        node = helper.make_node(kind, list(inputs), list(outputs), domain=_DOMAINS.get(kind, ""), **attributes)
        self.nodes.append(node)
        return list(outputs)

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        """A constant array and its name; the same array is kept once. Texts take dtype `object`."""
        array = np.asarray(value, dtype=dtype)
        content = "\0".join(array.ravel().tolist()).encode() if array.dtype == object else array.tobytes()
        key = (array.dtype.str, array.shape, content)
        if key not in self._made:
            self._made[key] = self.new_name()
            self.constants.append(numpy_helper.from_array(array, self._made[key]))
        return self._made[key]

    def new_name(self) -> str:
        """A name that nothing in this graph has."""
        self._names += 1
        return f"{self.prefix}{self._names}"

    def as_branch(self, results: Sequence[str], dtype: int, shape: Sequence[int | None]) -> onnx.GraphProto:
        """This graph as a branch of a node such as `If`; names that it does not make are those around the node."""
        outputs = [helper.make_tensor_value_info(name, dtype, shape) for name in results]
        return helper.make_graph(self.nodes, self.prefix, [], outputs, self.constants)
