"""Files written piece by piece are what ONNX's own library would have written."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from clickprompt.export import onnx_file
from clickprompt.export.onnx_file import PAGE, write_onnx
from clickprompt.settings import ClickPromptError

TABLES = {
    "a": np.arange(900, dtype=np.float32).reshape(300, 3),
    "codes": np.arange(600, dtype=np.int8).reshape(300, 2),
}
SMALL = np.linspace(0, 1, 2_000, dtype=np.float32)


def model():
    """(codes[ids], a[ids] + sum of 2,000 weights)"""
    nodes = [
        helper.make_node("Gather", ["codes", "ids"], ["picked"]),
        helper.make_node("Gather", ["a", "ids"], ["row"]),
        helper.make_node("ReduceSum", ["small"], ["total"], keepdims=0),
        helper.make_node("Add", ["row", "total"], ["sum"]),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["rows"])]
    outputs = [
        helper.make_tensor_value_info("picked", TensorProto.INT8, ["rows", 2]),
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["rows", 3]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(SMALL, "small")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    made.metadata_props.add(key="k", value="ü")
    return made


@pytest.mark.parametrize("external", [False, True])
def test_tables_come_back_and_the_graph_runs(external, tmp_path):
    path = tmp_path / "model.onnx"
    write_onnx(path, model(), TABLES, external_data=external)
    loaded = onnx.load(path)
    onnx.checker.check_model(str(path), full_check=True)
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in loaded.graph.initializer}
    assert found.keys() == {"a", "codes", "small"}
    for name, table in {**TABLES, "small": SMALL}.items():
        np.testing.assert_array_equal(found[name], table, strict=True)
    assert loaded.metadata_props == model().metadata_props
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    picked, total = session.run(None, {"ids": np.array([299, 0])})
    np.testing.assert_array_equal(picked, TABLES["codes"][[299, 0]])
    np.testing.assert_allclose(total, TABLES["a"][[299, 0]] + 1_000, rtol=1e-5)


def test_weights_beside_the_file_begin_at_pages(tmp_path):
    write_onnx(tmp_path / "m.onnx", model(), TABLES, external_data=True)
    stored = onnx.load(tmp_path / "m.onnx", load_external_data=False).graph.initializer
    places = [{entry.key: entry.value for entry in tensor.external_data} for tensor in stored]
    assert {place["location"] for place in places} == {"m.onnx.data"}
    assert sorted(int(place["offset"]) for place in places) == [0, PAGE, 2 * PAGE]
    assert (tmp_path / "m.onnx").stat().st_size < 2_000


def test_same_model_same_bytes(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        write_onnx(tmp_path / name, model(), TABLES)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_two_gigabytes_go_beside_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "_MOST_IN_FILE", 10_000)
    with pytest.raises(ClickPromptError, match="do not fit into one ONNX file; add --external-data"):
        write_onnx(tmp_path / "m.onnx", model(), TABLES)
    assert list(tmp_path.iterdir()) == []
