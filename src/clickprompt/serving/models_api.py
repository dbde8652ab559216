"""`/v1/models`: what is served."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from clickprompt.serving.context import serving_of
from clickprompt.serving.direct_route import DirectRoute
from clickprompt.serving.input_fields import input_fields
from clickprompt.serving.json_bodies import json_response
from clickprompt.serving.open_api import answers

router = APIRouter(route_class=DirectRoute, tags=["models"])


class FieldAnswer(TypedDict):
    """A field that takes input."""

    name: str
    kind: str
    side: str


class VersionAnswer(TypedDict):
    """One version of a model, newest first."""

    version: str
    fields: list[FieldAnswer]


class ModelAnswer(TypedDict):
    """A model that is served."""

    name: str
    versions: list[VersionAnswer]


class FaultAnswer(TypedDict):
    """A version that could not be loaded, and why."""

    name: str
    version: str
    error: str


class ModelsAnswer(TypedDict):
    """All models, and what could not be loaded."""

    models: list[ModelAnswer]
    faults: list[FaultAnswer]


@router.get("/v1/models", response_model=None, responses=answers(ModelsAnswer, 401))
async def models(request: Request) -> Response:
    """Models and versions that are served, their fields, and what could not be loaded."""
    repository = serving_of(request).repository
    versions: dict[str, list[Any]] = {}
    for model in repository.models():
        fields = [
            {"name": field.name, "kind": field.kind, "side": field.side}
            for field in input_fields(model).fields.values()
        ]
        versions.setdefault(model.name, []).append({"version": model.version, "fields": fields})
    faults = [{"name": fault.name, "version": fault.version, "error": fault.message} for fault in repository.faults()]
    found = [{"name": name, "versions": of_model} for name, of_model in versions.items()]
    return json_response({"models": found, "faults": faults})
