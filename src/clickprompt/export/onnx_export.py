"""An ID model as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clickprompt.bundle import Bundle
from clickprompt.contracts import TableSchema
from clickprompt.export.ids_onnx import FEATURE_IDS, ids_graph, items_name
from clickprompt.export.metadata import metadata, set_metadata
from clickprompt.export.onnx_file import write_onnx
from clickprompt.export.parity import Feed, Parity, Rows, Run
from clickprompt.export.scoring_module import ScoringModule, scoring_module


def export_onnx(
    bundle: Bundle, path: Path, rows: Rows, *, ids: bool = False, int8: bool = False, external_data: bool = False
) -> Parity:
    """Write the model of a bundle that reads ids alone to `path`, and check the file on `rows`.

    Its inputs are the raw fields, or with `ids` embedding rows. Raises ClickPromptError where it differs from
    Predictor; the caller keeps no file then.
    """
    module = scoring_module(bundle, int8=int8)
    # a function of its own, for the texts of a large graph need not stand in memory beside those of ONNX Runtime
    _write(bundle, module, path, ids=ids, int8=int8, external_data=external_data)
    return rows.check(onnx_runner(path), rows.ids if ids else rows.raw(), module if int8 else None)


def _write(bundle: Bundle, module: ScoringModule, path: Path, *, ids: bool, int8: bool, external_data: bool) -> None:
    graph = ids_graph(module)
    about = metadata(bundle, inputs=_meaning(bundle.vocabulary.schema), table="int8" if int8 else "float32")
    set_metadata(graph.model, about)
    if not ids:
        from clickprompt.export.raw_front import add_raw_front

        add_raw_front(graph.model, bundle.vocabulary)
    write_onnx(path, graph.model, graph.tables, external_data=external_data)


def onnx_runner(path: Path) -> Run:
    """The file, opened by ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(feed: Feed) -> np.ndarray:
        return session.run(None, dict(feed))[0]

    return run


def _meaning(schema: TableSchema) -> dict[str, str]:
    """What each input of a graph that takes embedding rows holds."""
    inputs = {FEATURE_IDS: f"int64 (rows, {len(schema.fields)}): embedding rows of {', '.join(schema.names)}"}
    for place, field in enumerate(schema.fields):
        if field.kind == "list":
            inputs[items_name(place)] = f"int64 (rows, items): embedding rows of {field.name}, -1 behind the last"
    return inputs
