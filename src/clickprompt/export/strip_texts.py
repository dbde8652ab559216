"""Texts without white space at their ends, inside an ONNX graph, exactly as Python's `str.strip` does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, TensorProto

from clickprompt.export.graph import Graph

_SPACE = r"\t-\r\x1c- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""What `str.isspace` knows, as a class of RE2, whose own \\s is a part of it."""
_INNER = rf"[^{_SPACE}](.*[^{_SPACE}])?"
"""From the first character that is no white space to the last."""
_CLEAN, _TOKEN = rf"(?s)({_INNER})?", rf"(?s){_INNER}"
_VALID = r"(?s).*"
"""Anything that is UTF-8."""
BROKEN = "\ufffd\x00"
"""What stands for a text that is not UTF-8: a value that no vocabulary holds."""


def stripped(graph: Graph, texts: Sequence[str]) -> list[str]:
    """The same texts (strings of one dimension each) stripped; white space alone becomes "".

    One pass of a regular expression tells whether any text needs it; only texts that do are then touched.
    """
    if not texts:
        return []
    clean = [graph.op("RegexFullMatch", text, pattern=_CLEAN) for text in texts]
    every = graph.op("ReduceMin", graph.op("Concat", *clean, graph.constant([True], np.bool_), axis=0), keepdims=0)
    return graph.ops(
        "If",
        every,
        outputs=[graph.new_name() for _ in texts],
        then_branch=_as_they_are(Graph(graph.new_name() + "."), texts),
        else_branch=_mended(Graph(graph.new_name() + "."), texts, clean),
    )


def _as_they_are(branch: Graph, texts: Sequence[str]) -> GraphProto:
    return branch.as_branch([branch.op("Identity", text) for text in texts], TensorProto.STRING, [None])


def _mended(branch: Graph, texts: Sequence[str], clean: Sequence[str]) -> GraphProto:
    return branch.as_branch(
        [_mend(branch, text, marks) for text, marks in zip(texts, clean, strict=True)], TensorProto.STRING, [None]
    )


def _mend(graph: Graph, texts: str, clean: str) -> str:
    """The same texts, those stripped that are not `clean`."""
    places = graph.op("Reshape", graph.op("NonZero", graph.op("Not", clean)), graph.constant([-1]))
    some = graph.op("Gather", texts, places)
    valid = graph.op("RegexFullMatch", some, pattern=_VALID)
    some = graph.op("Where", valid, some, graph.constant(BROKEN, object))
    # A last text keeps the tokenizer's result one wide where all others are white space.
    some = graph.op("Concat", some, graph.constant(["-"], object), axis=0)
    words = graph.op("Tokenizer", some, tokenexp=_TOKEN, mark=0, mincharnum=1, pad_value="")
    words = graph.op(
        "Slice", graph.op("Reshape", words, graph.constant([-1])), graph.constant([0]), graph.constant([-1])
    )
    return graph.op("ScatterElements", texts, places, words, axis=0)
