"""One file with raw fields in and a probability out, which neither PyTorch nor this library is needed for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from typer.testing import CliRunner

from clickprompt.bundle import Predictor
from clickprompt.cli import app
from clickprompt.export.feeds import raw_feed
from clickprompt.export.sample_rows import sample_rows
from clickprompt.storage import sha256_of

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
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
def predictor(mixed_bundle) -> Predictor:
    return Predictor.load(mixed_bundle)


@pytest.fixture(scope="module")
def file(mixed_bundle, mixed_rows, tmp_path_factory) -> Path:
    """What the command wrote."""
    out = tmp_path_factory.mktemp("exported") / "new" / "model.onnx"
    result = CliRunner().invoke(app, ["export", str(mixed_bundle), "--out", str(out), "--rows", str(mixed_rows)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(rf"{out}: \d\d\.\d kB, 300 rows checked against Predictor, .* \d\.\de-0\d\n", result.stdout)
    assert os.listdir(out.parent) == ["model.onnx"]
    return out


@pytest.fixture(scope="module")
def session(file) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


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


def test_raw_fields_in_probability_out(session, predictor):
    columns = sample_rows(predictor.bundle.vocabulary, 500, seed=5)
    found = session.run(None, raw_feed(predictor.bundle.vocabulary.schema, columns, 500))[0]
    np.testing.assert_allclose(found, predictor.predict(columns), atol=1e-5)
    assert [value.name for value in session.get_inputs()] == list(columns)


def test_what_the_file_says_of_itself(file, mixed_bundle, predictor):
    model = onnx.load(file)
    said = json.loads({entry.key: entry.value for entry in model.metadata_props}["clickprompt"])
    assert said["bundle_sha256"] == sha256_of(mixed_bundle / "bundle.json")
    assert (said["model"], said["inputs"].keys()) == ("mixed", {*TEXTS, *LISTS, *NUMBERS})
    assert str(file.parents[2]).encode() not in file.read_bytes()
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_the_example_in_the_docs(file, predictor):
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(compile(example.replace("ranker.onnx", str(file)), "docs", "exec", dont_inherit=True), names)
    np.testing.assert_allclose(names["probability"], predictor.predict(names["rows"]), atol=1e-5)


def test_raw_rows_score_as_they_do_here(file, predictor, python, tmp_path):
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
    expected = predictor.predict(ROWS)
    assert len(set(expected.tolist())) == len(ROWS)
    np.testing.assert_allclose(answer["probability"], expected, rtol=0, atol=1e-5)
    assert set(answer["inputs"]) == {*TEXTS, *LISTS, *NUMBERS}
