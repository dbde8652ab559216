"""From a bundle to files that score as the library does, and what becomes of an export that fails."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.calibration import IsotonicCalibrator
from clickprompt.cli import app
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.fi_gnn import FiGNNConfig
from clickprompt.export.feeds import ids_feed
from clickprompt.export.ids_onnx import ids_graph
from clickprompt.export.metadata import model_name
from clickprompt.export.onnx_file import write_onnx
from clickprompt.export.options import export_options
from clickprompt.export.quiet import quiet_exporters
from clickprompt.export.sample_rows import sample_rows
from clickprompt.export.scoring_module import scoring_module
from clickprompt.export.whole_files import whole_files
from clickprompt.methods import IDOnly
from clickprompt.settings import ClickPromptError
from clickprompt.testing.bundles import write_tiny_bundle
from clickprompt.workflows import export as workflow_module
from clickprompt.workflows.export import export

STEPS = IsotonicCalibrator(thresholds=(-1.0, 0.0, 0.5), values=(0.1, 0.4, 0.9))


@pytest.fixture(scope="module")
def predictor(mixed_bundle) -> Predictor:
    return Predictor.load(mixed_bundle)


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_embedding_rows_in_a_rounded_table_beside_the_file_in_a_triton_repository(
    mixed_bundle, predictor, tmp_path, capfd
):
    report = export(mixed_bundle, tmp_path, export_options("onnx", "triton", ids=True, int8=True, external_data=True))
    assert capfd.readouterr() == ("", "")
    assert report.startswith(f"{tmp_path}/mixed/1/model.onnx: ")
    assert "4,000 rows checked against Predictor" in report
    assert "of the logits' spread" in report
    assert sorted(os.listdir(tmp_path / "mixed")) == ["1", "config.pbtxt"]
    assert sorted(os.listdir(tmp_path / "mixed" / "1")) == ["model.onnx", "model.onnx.data"]
    columns = sample_rows(predictor.bundle.vocabulary, 300, seed=6)
    opened = session(tmp_path / "mixed" / "1" / "model.onnx")
    assert [(i.name, i.shape, i.type) for i in opened.get_inputs()] == [
        ("feature_ids", ["rows", 8], "tensor(int64)"),
        *((f"items_{place}", ["rows", f"items_{place}"], "tensor(int64)") for place in (2, 4, 5)),
    ]
    assert [(o.name, o.shape, o.type) for o in opened.get_outputs()] == [("probability", ["rows"], "tensor(float)")]
    found = opened.run(None, ids_feed(predictor.bundle.vocabulary.encode(columns)))[0]
    assert 1e-6 < np.abs(found - predictor.predict(columns)).max() < 0.02


def test_an_odd_model(tmp_path):
    tiny = load_bundle(write_tiny_bundle(tmp_path / "tiny"))
    of = tiny.vocabulary.statistics
    model = build_ctr_model(FiGNNConfig(embedding_dim=4, steps=1), of.num_fields, of.num_embeddings, of.pooling)
    bundle = replace(tiny, method=IDOnly(model).eval(), calibrator=STEPS)
    graph = ids_graph(scoring_module(bundle))
    write_onnx(tmp_path / "m.onnx", graph.model, graph.tables, external_data=True)
    columns = sample_rows(bundle.vocabulary, 300)
    found = session(tmp_path / "m.onnx").run(None, ids_feed(bundle.vocabulary.encode(columns)))[0]
    np.testing.assert_allclose(found, Predictor(bundle).predict(columns), atol=1e-5)


def test_a_torch_program(mixed_bundle, predictor, tmp_path):
    out = tmp_path / "model.pt2"
    export(mixed_bundle, out, export_options("torch"))
    columns = sample_rows(predictor.bundle.vocabulary, 200)
    feed = ids_feed(predictor.bundle.vocabulary.encode(columns))
    with torch.inference_mode():
        found = torch.export.load(out).module()(*map(torch.from_numpy, feed.values())).numpy()
    np.testing.assert_allclose(found, predictor.predict(columns), atol=1e-5)


def test_a_file_that_differs_is_not_written(mixed_bundle, tmp_path, monkeypatch):
    def write_wrongly(bundle, file, rows, options):
        file.write_bytes(b"new")
        return rows.check(lambda feed: np.full(len(feed["feature_ids"]), 0.5, np.float32), rows.ids)

    monkeypatch.setattr(workflow_module, "_write", write_wrongly)
    out = tmp_path / "model.onnx"
    out.write_bytes(b"older")
    with pytest.raises(ClickPromptError, match=r"model\.onnx: the file gives 0.500000 where .* nothing was written"):
        export(mixed_bundle, out, export_options(ids=True))
    assert os.listdir(tmp_path) == ["model.onnx"]
    assert out.read_bytes() == b"older"


def test_weights_that_belonged_to_an_older_file_go(tmp_path):
    for name in ("m.onnx", "m.onnx.data"):
        (tmp_path / name).write_bytes(b"older")
    with whole_files(tmp_path / "m.onnx") as file:
        file.write_bytes(b"new")
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_a_version_folder_lends_no_name(predictor, tmp_path):
    assert model_name(replace(predictor.bundle, folder=tmp_path / "ranker" / "3")) == "ranker"
    assert model_name(replace(predictor.bundle, folder=tmp_path / "ranker-3")) == "ranker-3"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--format", "onx"], "--format onx: not a format (did you mean onnx?)"),
        (["--layout", "tritn"], "--layout tritn: not a layout (did you mean triton?)"),
        (["--format", "torch", "--layout", "triton"], "--layout triton: holds ONNX files; leave out --format torch"),
        (
            ["--format", "torch", "--external-data"],
            "--external-data: is for ONNX files; leave it out",
        ),
        (["--compile"], "--compile: is for torch programs; add --format torch"),
        (["--out", "model.pt2"], "--out model.pt2: --format onnx writes .onnx files; name one"),
        (["--out", "folder.onnx"], "--out folder.onnx: this is a folder; name a file, such as folder.onnx/model.onnx"),
        (["--rows", "rows.csv"], "rows.csv: the file has none of the model's fields as a column"),
        (["--rows", "bad.csv"], 'bad.csv, row 1: price is "dear"; expected a number'),
        (["--rows", "none.csv"], "none.csv: no such file"),
    ],
)
def test_what_does_not_go_together_is_said(options, says, mixed_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.onnx").mkdir()
    Path("rows.csv").write_text("colour\nred\n")
    Path("bad.csv").write_text("price\ndear\n")
    before = sorted(os.listdir())
    result = CliRunner().invoke(app, ["export", str(mixed_bundle), *options])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {says}")
    assert result.stderr.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_a_missing_package_is_named(mixed_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(workflow_module, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ClickPromptError, match=r'package onnxscript is missing; pip install "clickprompt\[export\]"'):
        export(mixed_bundle, tmp_path / "m.onnx")


def test_what_exporters_say_goes_to_the_log(caplog, capfd):
    with caplog.at_level(logging.DEBUG, "clickprompt"), quiet_exporters():
        print("step 1")
        logging.getLogger("torch.onnx._internal.exporter").warning("no")
        warnings.warn("deprecated", stacklevel=1)
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == ["export: deprecated", "export: step 1"]
