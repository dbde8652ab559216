"""The Open Inference Protocol: metadata, tensors in both spellings, and wrong tensors told in words."""

from __future__ import annotations

import pytest
from server_thread import Shop, serving

INFER = "/v2/models/shop/infer"


@pytest.fixture(scope="module")
def server(shop_bundle):
    with serving(Shop(shop_bundle), max_rows=50) as served:
        yield served


def tensor(name, data, shape=None, datatype="BYTES", **more):
    return {"name": name, "datatype": datatype, "shape": [len(data)] if shape is None else shape, "data": data, **more}


def scores(server, *inputs, **more):
    status, content, _ = server.ask(INFER, {"inputs": list(inputs), **more})
    assert status == 200, content
    return content["outputs"][0]["data"]


def plain(server, candidates):
    return server.ask("/v1/score", {"candidates": candidates})[1]["scores"]


def test_server_and_model_describe_themselves(server):
    assert server.ask("/v2")[1]["name"] == "clickprompt"
    assert server.ask("/v2/health/live")[:2] == (200, {"live": True})
    assert server.ask("/v2/health/ready")[:2] == (200, {"ready": True})
    for path in ("/v2/models/shop", "/v2/models/shop/versions/7"):
        content = server.ask(path)[1]
        inputs = {given["name"]: (given["datatype"], given["shape"]) for given in content["inputs"]}
        assert inputs == {
            "user": ("BYTES", [-1]),
            "watched": ("BYTES", [-1, -1]),
            "town": ("BYTES", [-1]),
            "item": ("BYTES", [-1]),
            "title": ("BYTES", [-1]),
            "tags": ("BYTES", [-1]),
            "price": ("FP64", [-1]),
        }
        assert content["outputs"] == [{"name": "probability", "datatype": "FP32", "shape": [-1]}]
        assert server.ask(path + "/ready")[:2] == (200, {"name": "shop", "ready": True})


def test_an_answer_names_model_id_and_shape(server):
    for path in (INFER, "/v2/models/shop/versions/7/infer"):
        body = {"id": "a1", "parameters": {"x": 1}, "inputs": [tensor("item", ["i1", "i2"])]}
        content = server.ask(path, {**body, "outputs": [{"name": "probability"}]})[1]
        output = content.pop("outputs")[0]
        assert content == {"model_name": "shop", "model_version": "7", "id": "a1"}
        assert (output["name"], output["datatype"], output["shape"]) == ("probability", "FP32", [2])
        assert output["data"] == pytest.approx(plain(server, [{"item": "i1"}, {"item": "i2"}]), abs=1e-6)


def test_tensors_and_plain_objects_score_alike(server):
    expected = plain(
        server,
        [
            {"user": "u1", "item": "i1", "price": 5.5, "watched": ["film 1, the", "film 2, the"], "tags": "new|cheap"},
            {"user": "u2", "item": None, "price": None, "watched": ["film 3, the"], "tags": "warm"},
        ],
    )
    flat = [
        tensor("user", ["u1", "u2"], [2, 1]),
        tensor("item", ["i1", ""]),
        tensor("price", [5.5, None], datatype="FP64"),
        tensor("watched", ["film 1, the", "film 2, the", "film 3, the", ""], [2, 2]),
        tensor("tags", ["new|cheap", "warm"]),
    ]
    nested = [
        tensor("user", [["u1"], ["u2"]], [2, 1]),
        tensor("item", ["i1", None]),
        tensor("price", ["5.5", ""]),
        tensor("watched", [["film 1, the", "film 2, the"], ["film 3, the", None]], [2, 2]),
        tensor("tags", [["new|cheap"], ["warm"]], [2, 1]),
    ]
    assert scores(server, *flat) == pytest.approx(expected, abs=1e-6)
    assert scores(server, *nested) == pytest.approx(expected, abs=1e-6)
    assert expected[0] != pytest.approx(expected[1], abs=1e-4)


def test_whole_numbers_and_items_without_separator(server):
    assert scores(server, tensor("price", [7], datatype="INT32")) == plain(server, [{"price": 7}])
    assert scores(server, tensor("price", [7.0], datatype="FP32")) == plain(server, [{"price": 7}])
    assert scores(server, tensor("tags", ["new", "cheap"], [1, 2])) == plain(server, [{"tags": "new|cheap"}])
    assert scores(server, tensor("item", [3], datatype="INT64")) == plain(server, [{"item": "3"}])


def test_no_rows_and_empty_lists(server):
    assert scores(server, tensor("item", [])) == []
    assert scores(server, tensor("watched", [[], []], [2, 0])) == plain(server, [{}, {}])
    assert scores(server, tensor("watched", [], [2, 0])) == plain(server, [{}, {}])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "inputs: there is none"),
        ([tensor("itm", ["i1"])], "inputs.0.name: 'itm' is not a field (did you mean item?)"),
        ([tensor("position", [1], datatype="FP64")], "position is always scored as 1"),
        ([tensor("item", ["i1"]), tensor("item", ["i1"])], "inputs.1 (item): given twice"),
        ([tensor("item", ["i1"]), tensor("user", ["u1", "u2"])], "other inputs have 1"),
        ([tensor("item", ["i1"], [2])], "data has 1 values, shape is [2]"),
        ([tensor("item", ["i1"], [1, 2])], "expected [1] or [1, 1]"),
        ([tensor("item", ["i1"], [])], "expected [rows] or [rows, values]"),
        ([tensor("item", ["i1"], [1, 1, 1])], "expected [rows] or [rows, values]"),
        ([tensor("item", ["i1"], [-1])], "inputs.0.shape.0"),
        ([tensor("item", ["i1"], [1.0])], "inputs.0.shape.0"),
        ([tensor("item", ["i1"], ["1"])], "inputs.0.shape.0"),
        ([tensor("item", [1])], "value 0 is 1, which is not BYTES"),
        ([tensor("item", ["i1"], datatype="STRING")], "datatype is unknown"),
        ([tensor("price", ["x"], datatype="FP64")], "value 0 is 'x', which is not FP64"),
        ([tensor("price", [True], datatype="INT8")], "value 0 is True, which is not INT8"),
        ([tensor("price", [200], datatype="INT8")], "value 0 is 200, beyond INT8"),
        ([tensor("price", [-1], datatype="UINT64")], "value 0 is -1, beyond UINT64"),
        ([tensor("price", [True], datatype="BOOL")], "expected FP64"),
        ([tensor("price", ["cheap"])], "price"),
        ([tensor("watched", [["a", "b"], ["c"]], [2, 2])], "row 1 of data is not a list of 2"),
        ([tensor("watched", [["a", "b"], "c"], [2, 2])], "row 1 of data is not a list of 2"),
        ([tensor("watched", [["a"], ["b"]], [2])], "data is 2 lists, shape is [2]"),
        ([tensor("item", ["i1", ["i2"]])], "value 1 is a list"),
        ([tensor("item", ["i1"], shap=[1])], "inputs.0.shap is unknown (did you mean shape?)"),
        ([{"name": "item"}], "is missing"),
        ("item", "inputs: expected a list"),
    ],
)
def test_wrong_tensors_are_told_in_words(server, inputs, said):
    status, content, _ = server.ask(INFER, {"inputs": inputs})
    assert status == 400
    assert said in content["error"]


def test_outputs_that_are_not_there_and_binary_tensors_are_refused(server):
    body = {"inputs": [tensor("item", ["i1"])], "outputs": [{"name": "probabilities"}]}
    assert "did you mean probability?" in server.ask(INFER, body)[1]["error"]
    status, content, _ = server.ask(INFER, body, {"Inference-Header-Content-Length": "10"})
    assert (status, "binary" in content["error"]) == (400, True)


@pytest.mark.parametrize("path", ["/v2/models/shoe", "/v2/models/shop/versions/8", "/v2/models/shoe/ready"])
def test_unknown_models_are_404(server, path):
    status, content, _ = server.ask(path)
    assert status == 404
    assert content["error"]


def test_too_many_rows_are_refused_before_they_are_laid_out(server):
    for shape in ([10**15, 0], [51, 0], [10**15]):
        assert server.ask(INFER, {"inputs": [tensor("watched", [], shape)]})[0] == 413
    assert len(scores(server, tensor("item", ["i1"] * 50))) == 50
