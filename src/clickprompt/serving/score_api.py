"""`/v1/score`: candidates scored in one context, in plain JSON."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from fastapi import APIRouter
from pydantic import ConfigDict, WithJsonSchema, with_config
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from clickprompt.serving.context import exchange_of, serving_of
from clickprompt.serving.direct_route import DirectRoute
from clickprompt.serving.input_fields import InputFields, input_fields
from clickprompt.serving.json_bodies import JsonShape, json_response, read_json
from clickprompt.serving.open_api import answers, takes

router = APIRouter(route_class=DirectRoute, tags=["score"])

_VALUE = {"type": ["string", "number", "boolean", "null"]}
Row = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "additionalProperties": {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]}}),
]


@with_config(ConfigDict(extra="forbid", strict=True))
class ScoreRequest(TypedDict):
    """Candidates to be scored; fields that they share are sent once, as context. A field that is left out, null or ""
    is missing. A candidate's own value goes before the context's."""

    candidates: list[Row]
    context: NotRequired[Row]
    model: NotRequired[str]
    version: NotRequired[str | int]


class ScoreAnswer(TypedDict):
    """Probabilities in the order of the candidates."""

    model: str
    version: str
    scores: list[float]


SHAPE = JsonShape(ScoreRequest)


@router.post(
    "/v1/score",
    response_model=None,
    openapi_extra=takes(ScoreRequest),
    responses=answers(ScoreAnswer, 400, 401, 404, 413, 503, 504),
)
async def score(request: Request) -> Response:
    """Probabilities of candidates in one context, in their order."""
    serving = serving_of(request)
    body = await read_json(request, SHAPE, serving.config.max_body_bytes)
    candidates, context = body["candidates"], body.get("context", {})
    serving.check_rows(len(candidates))
    model = serving.asked_for(body)
    exchange_of(request.scope).found(model, len(candidates))
    _check_names(input_fields(model), candidates, context)
    scored = await serving.score(model, len(candidates), lambda: model.scorer.encode_rows(candidates, context))
    return json_response({"model": model.name, "version": model.version, "scores": scored.probability.tolist()})


def _check_names(known: InputFields, candidates: list[Row], context: Row) -> None:
    names = known.fields.keys()
    if not context.keys() <= names:
        known.check(context, "context")
    for place, candidate in enumerate(candidates):
        if not candidate.keys() <= names:
            known.check(candidate, f"candidates.{place}")
