"""Nothing is reported to anyone."""

from __future__ import annotations

import os
import subprocess
import sys

_OPEN = """
import clickprompt, onnx, onnxruntime
from onnx import TensorProto, helper
value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value], [out])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
"""


def test_onnx_runtime_keeps_no_device_id_where_the_library_is_loaded_first(tmp_path):
    settings = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    for home in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        settings[home] = str(tmp_path)
    subprocess.run([sys.executable, "-c", _OPEN], check=True, env=settings, timeout=120)
    assert not list(tmp_path.rglob("deviceid"))
