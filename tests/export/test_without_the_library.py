"""An exported file needs ONNX Runtime and NumPy, and neither PyTorch nor this library."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from clickprompt.bundle import Predictor
from clickprompt.workflows.export import export

ROWS = [
    {"user": "u1", "device": "d1", "history": ["red", "Åse"], "title": "red round", "tags": "red|日本", "price": 12.5},
    {"user": " u2\u3000", "device": "d 99", "history": [], "title": "日本 o\u0301ld", "tags": "", "price": None},
    {"user": "never seen", "history": ["red", "", "unknown", "round", "日本", "red"], "tags": "|", "price": -1e300},
    {"user": "\x85\u2028 ", "device": "\U0001f3bb", "similar": ["A\u030ase"] * 6, "title": "a\x00b", "price": 1e18},
    {"user": "u3", "similar": ["new", " red "], "title": "ﬁ İ ß", "tags": " round | red |x", "price": 0.1 + 0.2},
]
TEXTS, LISTS, NUMBERS = ("user", "device", "title", "tags"), ("history", "similar"), ("price",)

PROGRAM = """
import json, sys
import numpy as np
import onnxruntime

for absent in ("torch", "clickprompt", "onnx", "mmh3", "pyarrow"):
    try:
        __import__(absent)
    except ImportError:
        continue
    sys.exit(f"{absent} can be imported here")

columns = json.load(open(sys.argv[2], encoding="utf-8"))
inputs = {name: np.array(column, dtype=object) for name, column in columns["texts"].items()}
inputs |= {name: np.array(column, dtype=np.float64) for name, column in columns["numbers"].items()}
session = onnxruntime.InferenceSession(sys.argv[1])
(probability,) = session.run(["probability"], inputs)
about = json.loads(session.get_modelmeta().custom_metadata_map["clickprompt"])
print(json.dumps({"probability": probability.tolist(), "inputs": list(about["inputs"])}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """A Python that knows NumPy and ONNX Runtime and nothing else."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in ("numpy", "onnxruntime"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        installed = Path(spec.origin).parent
        (packages / name).symlink_to(installed)
        if (installed.parent / f"{name}.libs").exists():  # shared libraries that its wheel brings
            (packages / f"{name}.libs").symlink_to(installed.parent / f"{name}.libs")
    return folder / "bin" / "python"


def test_raw_rows_score_as_they_do_here(mixed_bundle, python, tmp_path):
    file = tmp_path / "model.onnx"
    export(mixed_bundle, file)
    texts = {name: [row.get(name, "") for row in ROWS] for name in TEXTS}
    for name in LISTS:
        lists = [row.get(name, []) for row in ROWS]
        texts[name] = [items + [""] * (max(map(len, lists)) - len(items)) for items in lists]
    prices = [float("nan") if row["price"] is None else row["price"] for row in ROWS]
    (tmp_path / "rows.json").write_text(json.dumps({"texts": texts, "numbers": {"price": prices}}))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-W", "error", "-c", PROGRAM, file, tmp_path / "rows.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    expected = Predictor.load(mixed_bundle).predict(ROWS)
    assert len(set(expected.tolist())) == len(ROWS)
    np.testing.assert_allclose(answer["probability"], expected, rtol=0, atol=1e-5)
    assert set(answer["inputs"]) == {*TEXTS, *LISTS, *NUMBERS}
