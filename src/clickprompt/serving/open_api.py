"""What the OpenAPI page says of bodies that endpoints read themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from typing_extensions import TypedDict

SCHEMAS = "#/components/schemas/"
_TAKEN: dict[str, type] = {}


class ErrorAnswer(TypedDict):
    """Why a request was refused."""

    error: str


def takes(kind: type, *, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """`openapi_extra` of an endpoint that reads a JSON body of this TypedDict, and texts in its path."""
    _TAKEN[kind.__name__] = kind
    body = {"content": {"application/json": {"schema": {"$ref": SCHEMAS + kind.__name__}}}, "required": True}
    return {"requestBody": body, **texts(*path)}


def texts(*path: str, query: tuple[str, ...] = ()) -> dict[str, Any]:
    """`openapi_extra` of an endpoint that reads texts in its path, and optional ones in its query."""
    places = [(name, "path") for name in path] + [(name, "query") for name in query]
    if not places:
        return {}
    return {
        "parameters": [
            {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
            for name, place in places
        ]
    }


def answers(kind: type | None, *errors: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of an endpoint: 200 with this TypedDict, and errors with these statuses."""
    reasons = {
        400: "Wrong input.",
        401: "The token is missing or wrong.",
        404: "No such model or version.",
        413: "Too large a body, or too many rows.",
        503: "Too many requests wait, or the server is not ready.",
        504: "Not answered in time.",
    }
    found: dict[int | str, dict[str, Any]] = {} if kind is None else {200: {"model": kind}}
    return found | {status: {"model": ErrorAnswer, "description": reasons[status]} for status in errors}


def describe_bodies(app: FastAPI) -> None:
    """Let the app's OpenAPI page know the bodies named by `takes`."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        fresh = app.openapi_schema is None
        page = made()
        if fresh:
            schemas = page.setdefault("components", {}).setdefault("schemas", {})
            for name, kind in _TAKEN.items():
                schema = TypeAdapter(kind).json_schema(ref_template=SCHEMAS + "{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[name] = schema
        return page

    app.openapi = openapi  # type: ignore[method-assign]
