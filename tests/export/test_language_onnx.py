"""Exported language models as ONNX Runtime runs them: two methods of two families, and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from language_bundles import write_language_bundle
from tokenizers import Tokenizer
from typer.testing import CliRunner

from clickprompt.bundle import Predictor, load_bundle, token_batches, token_inputs
from clickprompt.calibration import PlattCalibrator
from clickprompt.cli import app
from clickprompt.export import language_onnx
from clickprompt.export.language_onnx import export_language
from clickprompt.export.options import ExportOptions
from clickprompt.export.sample_rows import sample_rows
from clickprompt.export.traced_graph import OnnxGraph
from clickprompt.methods import ClickPromptConfig, CTRBertConfig
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import write_tiny_language_model
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists
from clickprompt.workflows import SilentProgress

ALL = ExportOptions()
PAGE = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """ClickPrompt with BERT over lists."""
    folder = tmp_path_factory.mktemp("language")
    write_tiny_lists(folder)
    checkpoint = write_tiny_language_model(folder / "bert", "bert", layers=1)
    data, curve = tiny_lists_config(folder, max_items=3), PlattCalibrator(slope=1.3, intercept=-0.2)
    return write_language_bundle(folder / "with-lm", checkpoint, ClickPromptConfig(), data, curve)


@pytest.fixture(scope="module")
def exported(bundle, tmp_path_factory):
    """Folder that the command wrote, and what it said."""
    out = tmp_path_factory.mktemp("exported") / "with-lm"
    result = CliRunner().invoke(app, ["export", str(bundle), "--out", str(out), "--external-data"])
    assert result.exit_code == 0, result.output
    return out, result.output


def test_the_file_scores_as_predictor_whatever_the_batch(bundle, exported):
    folder, said = exported
    assert f"{folder / 'model.onnx'}: " in said
    assert "200 rows checked against Predictor, largest difference " in said
    opened = load_bundle(bundle)
    rows = sample_rows(opened.vocabulary, 70, seed=9)
    expected = Predictor(opened).predict(rows)
    assert expected.std() > 1e-3
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert [(i.name, i.shape) for i in session.get_inputs()] == [
        ("feature_ids", ["rows", 3]),
        ("items_1", ["rows", "items_1"]),
        ("items_2", ["rows", "items_2"]),
        ("input_ids", ["rows", "tokens"]),
        ("attention_mask", ["rows", "tokens"]),
    ]
    for at_once in (1, 32, None):
        for some, inputs in token_batches(opened, rows, at_once):
            (found,) = session.run(["probability"], inputs)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected[some], rtol=0, atol=1e-6)


def test_the_example_in_the_docs(bundle, exported):
    columns = sample_rows(load_bundle(bundle).vocabulary, 70, seed=9)
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    for written, here in (("runs/mine/bundles/clickprompt-with-lm", bundle), ("clickprompt-with-lm-onnx", exported[0])):
        assert written in example
        example = example.replace(written, str(here))
    names: dict[str, Any] = {"rows": rows}
    exec(compile(example, "docs", "exec", dont_inherit=True), names)
    np.testing.assert_allclose(names["probability"], Predictor.load(bundle).predict(rows), rtol=0, atol=1e-6)


def test_the_folder_tells_how_a_row_becomes_its_inputs(bundle, exported):
    folder, _ = exported
    about = json.loads((folder / "export.json").read_bytes())
    rules = about["sentence"]
    values = {"user": "u3", "tags": "red, old", "history": "film 7"}
    tokens = []
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for piece in rules["pieces"][""]:
        text = piece["opening"] + values[piece["field"]] + piece["closing"]
        tokens += tokenizer.encode(text, add_special_tokens=False).ids
    rows = {"user": ["u3"], "tags": ["red|old"], "history": [["film 7"]]}
    expected = token_inputs(load_bundle(bundle), rows)["input_ids"][0]
    assert [*rules["before"], *tokens, *rules["after"]] == expected.tolist()
    assert about["inputs"]["items_1"] == "int64 (rows, items_1): embedding rows of tags, -1 behind the last"
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(properties["clickprompt"])["bundle_sha256"] == about["bundle_sha256"]
    names = {"model.onnx", "model.onnx.data", "tokenizer.json", "special_tokens.json", "vocabulary.arrow"}
    assert names < {file.name for file in folder.iterdir()}
    assert names < set(about["files"])


def test_users_and_items_apart_in_another_family(tmp_path):
    checkpoint = write_tiny_language_model(tmp_path / "distilbert", "distilbert", layers=1)
    method = CTRBertConfig(hidden_sizes=(8,), shared_encoder=True)
    opened = load_bundle(write_language_bundle(tmp_path / "ctr-bert", checkpoint, method))
    rows, out = sample_rows(opened.vocabulary, 60), tmp_path / "out"
    said = export_language(opened, out, rows, ALL, SilentProgress())
    assert "60 rows checked against Predictor" in said
    session = onnxruntime.InferenceSession(out / "model.onnx")
    (found,) = session.run(None, token_inputs(opened, rows))
    np.testing.assert_allclose(found, Predictor(opened).predict(rows), rtol=0, atol=1e-6)


@pytest.fixture
def as_exported(exported, monkeypatch):
    """No second tracing: the graph is that of the file."""
    folder, _ = exported
    model = onnx.load(folder / "model.onnx")
    monkeypatch.setattr(language_onnx, "language_graph", lambda module: OnnxGraph(model, {}))


def test_a_graph_that_differs_is_not_kept(bundle, as_exported, tmp_path):
    opened = load_bundle(bundle)
    other = replace(opened, calibrator=PlattCalibrator(slope=1.3, intercept=-0.1999))
    rows = sample_rows(opened.vocabulary, 30)
    with pytest.raises(ClickPromptError, match=r"out: the file gives 0\.\d+ where Predictor gives 0\.\d+ for row"):
        export_language(other, tmp_path / "out", rows, ALL, SilentProgress())
    assert not list(tmp_path.iterdir())


def test_an_older_export_is_replaced_and_nothing_else(bundle, as_exported, tmp_path):
    opened = load_bundle(bundle)
    rows, out = sample_rows(opened.vocabulary, 10), tmp_path / "out"
    for _ in range(2):
        export_language(opened, out, rows, ALL, SilentProgress())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ClickPromptError, match="mine: holds something else than an export"):
        export_language(opened, tmp_path / "mine", rows, ALL, SilentProgress())
    with pytest.raises(
        ClickPromptError, match=r"m\.onnx: a model that reads words becomes a folder; name one, such as"
    ):
        export_language(opened, tmp_path / "m.onnx", rows, ALL, SilentProgress())
    assert (tmp_path / "mine" / "thesis.txt").is_file()


@pytest.mark.parametrize("option", ["--int8", "--format=torch", "--layout=triton"])
def test_options_for_ids_alone_are_refused(bundle, tmp_path, option):
    result = CliRunner().invoke(app, ["export", str(bundle), "--out", str(tmp_path / "out"), option])
    assert result.exit_code == 2
    assert "with-lm: reads words, for which there is no" in result.output
    assert not list(tmp_path.iterdir())
