"""The ONNX graph of an ID model that takes embedding rows."""

from __future__ import annotations

from clickprompt.export.scoring_module import ScoringModule, dynamic_shapes, example_inputs
from clickprompt.export.traced_graph import OnnxGraph, traced_graph

FEATURE_IDS = "feature_ids"


def ids_graph(module: ScoringModule) -> OnnxGraph:
    """`feature_ids` int64 (rows, fields), and for each list field `items_{place}` int64 (rows, items) padded with −1 →
    `probability` float32 (rows,). `rows` and items are dynamic.

    Traced with a table of two rows, so that a table of millions costs neither time nor memory.
    """
    shapes: dict[str, tuple[int | str, ...]] = {FEATURE_IDS: ("rows", module.model.ctr.num_fields)}
    shapes |= {(name := items_name(place)): ("rows", name) for place in module.model.pooled}
    return traced_graph(module, shapes, example_inputs(module), dynamic_shapes(module), "model.table")


def items_name(place: int) -> str:
    """Input that holds the items of the list field at this place of the schema."""
    return f"items_{place}"
