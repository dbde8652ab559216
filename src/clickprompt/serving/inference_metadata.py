"""What the Open Inference Protocol tells of the server and its models."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from clickprompt import __version__
from clickprompt.serving.context import exchange_of, serving_of
from clickprompt.serving.direct_route import DirectRoute
from clickprompt.serving.input_fields import input_fields
from clickprompt.serving.json_bodies import json_response
from clickprompt.serving.open_api import answers, texts
from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.tensors import preferred

router = APIRouter(route_class=DirectRoute, tags=["open inference protocol"])

OUTPUT = "probability"
MODEL = "/v2/models/{name}"
VERSION = "/v2/models/{name}/versions/{version}"
NAMES = texts("name")
NAMES_AND_VERSION = texts("name", "version")


class ServerAnswer(TypedDict):
    """The server's name and version."""

    name: str
    version: str
    extensions: list[str]


class TensorAnswer(TypedDict):
    """An input or output; -1 in its shape stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class MetadataAnswer(TypedDict):
    """A model's versions, inputs and outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorAnswer]
    outputs: list[TensorAnswer]


class ModelReadyAnswer(TypedDict):
    """A model that answers requests."""

    name: str
    ready: bool


@router.get("/v2", response_model=None, responses=answers(ServerAnswer, 401))
async def server(request: Request) -> Response:
    """The server's name and version."""
    return json_response({"name": "clickprompt", "version": __version__, "extensions": []})


@router.get(MODEL, response_model=None, openapi_extra=NAMES, responses=answers(MetadataAnswer, 401, 404))
@router.get(VERSION, response_model=None, openapi_extra=NAMES_AND_VERSION, responses=answers(MetadataAnswer, 401, 404))
async def metadata(request: Request) -> Response:
    """Inputs and outputs of a model."""
    model = named_model(request)
    inputs = []
    for field in input_fields(model).fields.values():
        datatype, shape = preferred(field)
        inputs.append({"name": field.name, "datatype": datatype, "shape": shape})
    return json_response(
        {
            "name": model.name,
            "versions": serving_of(request).repository.versions(model.name),
            "platform": "clickprompt_bundle",
            "inputs": inputs,
            "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1]}],
        }
    )


@router.get(MODEL + "/ready", response_model=None, openapi_extra=NAMES, responses=answers(ModelReadyAnswer, 401, 404))
@router.get(
    VERSION + "/ready",
    response_model=None,
    openapi_extra=NAMES_AND_VERSION,
    responses=answers(ModelReadyAnswer, 401, 404),
)
async def model_ready(request: Request) -> Response:
    """Whether a model answers requests."""
    return json_response({"name": named_model(request).name, "ready": True})


def named_model(request: Request) -> ServedModel:
    """The model that the address names. Raises UnknownModel."""
    path = request.path_params
    model = serving_of(request).repository.find(path["name"], path.get("version"))
    exchange_of(request.scope).found(model, 0)
    return model
