"""Lists of embedding rows, inside an ONNX graph: missing items dropped, long lists cut, ends padded."""

from __future__ import annotations

from onnx import TensorProto

from clickprompt.contracts import Field
from clickprompt.export.graph import Graph
from clickprompt.table import PADDING


def compact(graph: Graph, rows: str, field: Field, missing: int, output: str) -> None:
    """Rows of items, int64 (rows, items) with `PADDING` anywhere, as `output`, int64 (rows, most).

    Items keep their order and stand at the front, at most `max_items` of each list, from the end that `keep` names;
    `PADDING` is behind them. A list without any item holds the one item `missing`.
    """
    absent, one = graph.constant(PADDING), graph.constant([1])
    items = graph.op("Slice", graph.op("Shape", rows), one, graph.constant([2]))
    # One column more, behind all others: dropped items go there, and no list is so without a column.
    rows = graph.op("Pad", rows, graph.constant([0, 0, 0, 1]), absent)
    kept = graph.op("Greater", rows, absent)
    ordinal = graph.op("CumSum", graph.op("Cast", kept, to=TensorProto.INT64), one)
    count = graph.op("Gather", ordinal, graph.constant([-1]), axis=1)
    if field.max_items is not None:
        most = graph.constant(field.max_items)
        if field.keep == "last":
            ordinal = graph.op("Sub", ordinal, graph.op("Max", graph.op("Sub", count, most), graph.constant(0)))
            kept = graph.op("And", kept, graph.op("Greater", ordinal, graph.constant(0)))
        else:
            kept = graph.op("And", kept, graph.op("LessOrEqual", ordinal, most))
        count = graph.op("Min", count, most)
    place = graph.op("Where", kept, graph.op("Sub", ordinal, one), items)
    blank = graph.op("Expand", absent, graph.op("Shape", rows))
    moved = graph.op("ScatterElements", blank, place, rows, axis=1)
    counts = graph.op("Concat", graph.op("Reshape", count, graph.constant([-1])), one, axis=0)
    width = graph.op("ReduceMax", counts)
    moved = graph.op("Slice", moved, graph.constant([0]), width, one)
    first = graph.op("Less", graph.op("CumSum", graph.op("Expand", one, width), graph.constant(0)), graph.constant(2))
    empty = graph.op("And", graph.op("Less", moved, graph.constant(0)), first)
    graph.op("Where", empty, graph.constant(missing), moved, output=output)
