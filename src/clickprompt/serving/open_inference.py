"""The Open Inference Protocol, version 2, in JSON: a tensor a field in, `probability` out.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md. Its extension for binary
tensors is not spoken.
"""

from __future__ import annotations

from typing import Any, NotRequired

from fastapi import APIRouter
from pydantic import with_config
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from clickprompt.serving.context import exchange_of, serving_of
from clickprompt.serving.direct_route import DirectRoute
from clickprompt.serving.inference_metadata import OUTPUT, named_model
from clickprompt.serving.input_fields import input_fields
from clickprompt.serving.json_bodies import JsonShape, json_response, read_json
from clickprompt.serving.open_api import answers, takes
from clickprompt.serving.problems import HttpProblem
from clickprompt.serving.tensors import STRICT, Tensor, columns_of
from clickprompt.settings import ClickPromptError, did_you_mean

router = APIRouter(route_class=DirectRoute, tags=["open inference protocol"])


@with_config(STRICT)
class WantedOutput(TypedDict):
    """An output that is asked for."""

    name: str
    parameters: NotRequired[dict[str, Any]]


@with_config(STRICT)
class InferRequest(TypedDict):
    """Rows to be scored, a tensor a field; a field without one is missing in all rows. Parameters are not used."""

    inputs: list[Tensor]
    id: NotRequired[str]
    parameters: NotRequired[dict[str, Any]]
    outputs: NotRequired[list[WantedOutput]]


class OutputTensor(TypedDict):
    """Probabilities, in the order of the rows."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class InferAnswer(TypedDict):
    """Scored rows."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[OutputTensor]


SHAPE = JsonShape(InferRequest, {"inputs": Tensor, "outputs": WantedOutput})
_ANSWERS = answers(InferAnswer, 400, 401, 404, 413, 503, 504)


@router.post(
    "/v2/models/{name}/infer",
    response_model=None,
    openapi_extra=takes(InferRequest, path=("name",)),
    responses=_ANSWERS,
)
@router.post(
    "/v2/models/{name}/versions/{version}/infer",
    response_model=None,
    openapi_extra=takes(InferRequest, path=("name", "version")),
    responses=_ANSWERS,
)
async def infer(request: Request) -> Response:
    """Probabilities of rows."""
    serving = serving_of(request)
    if "inference-header-content-length" in request.headers:
        raise HttpProblem(
            400, "tensors in binary are not read; send JSON (tritonclient: binary_data=False)", "bad_request"
        )
    model = named_model(request)
    body = await read_json(request, SHAPE, serving.config.max_body_bytes)
    for place, wanted in enumerate(body.get("outputs", ())):
        if wanted["name"] != OUTPUT:
            raise ClickPromptError(
                f"outputs.{place}.name: {wanted['name']!r} is unknown{did_you_mean(wanted['name'], [OUTPUT])}"
            )
    columns, rows = columns_of(body["inputs"], input_fields(model), serving.check_rows)
    exchange_of(request.scope).found(model, rows)
    scored = await serving.score(model, rows, lambda: model.scorer.encode_columns(columns, rows))
    answer: dict[str, Any] = {"model_name": model.name, "model_version": model.version}
    if "id" in body:
        answer["id"] = body["id"]
    output = {"name": OUTPUT, "datatype": "FP32", "shape": [rows], "data": scored.probability.tolist()}
    return json_response({**answer, "outputs": [output]})
