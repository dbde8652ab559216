"""Names of the values in an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx


def value_names(graph: onnx.GraphProto) -> set[str]:
    """Names of all inputs, weights and results, those of branches included."""
    names = set()
    for part in _graphs(graph):
        names |= {value.name for value in (*part.input, *part.output, *part.initializer)}
        names |= {name for node in part.node for name in (*node.input, *node.output)}
    return names - {""}


def missing_names(graph: onnx.GraphProto) -> set[str]:
    """Names of values that are read but are not in the graph, such as weights that a file adds."""
    made = {value.name for value in (*graph.input, *graph.initializer)}
    made |= {name for part in _graphs(graph) for node in part.node for name in node.output}
    return {name for node in graph.node for name in node.input} - made - {""}


def rename_values(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give values other names, wherever they stand."""
    for part in _graphs(graph):
        for value in (*part.input, *part.output, *part.initializer, *part.value_info):
            value.name = names.get(value.name, value.name)
        for node in part.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and the graphs of its branches, at any depth."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
            for branch in attribute.graphs:
                yield from _graphs(branch)
