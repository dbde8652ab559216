"""`/v1/explain`: which fields moved a score; `/v1/examples`: values that a model knows. The page at `/` asks both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired

from fastapi import APIRouter
from pydantic import ConfigDict, with_config
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from clickprompt.contracts import Field, FieldKind, FieldSide
from clickprompt.serving.context import exchange_of, serving_of
from clickprompt.serving.direct_route import DirectRoute
from clickprompt.serving.input_fields import input_fields
from clickprompt.serving.json_bodies import JsonShape, json_response, read_json
from clickprompt.serving.open_api import answers, takes, texts
from clickprompt.serving.scorer import Scorer

router = APIRouter(route_class=DirectRoute, tags=["explain"])

EXAMPLES = 20
"""Values shown of each field."""


@with_config(ConfigDict(extra="forbid", strict=True))
class ExplainRequest(TypedDict):
    """A row whose score is to be explained. A field that is left out, null or "" is missing."""

    row: dict[str, Any]
    model: NotRequired[str]
    version: NotRequired[str | int]


class Reason(TypedDict):
    """What a field did to the score."""

    probability_without: float
    """Were its value not in the vocabulary."""
    change: float
    """The row's probability minus that."""


class ExplainAnswer(TypedDict):
    """The row's probability, what each field did to it, and fields with values not seen in training."""

    model: str
    version: str
    probability: float
    fields: dict[str, Reason]
    unseen: list[str]


class DescribedField(TypedDict):
    """A field, and values of it that were frequent in training: of a list field its items, of a hashed one none."""

    name: str
    kind: FieldKind
    side: FieldSide
    separator: str | None
    max_items: int | None
    keep: str | None
    input: bool
    """Whether rows may give it; else it is always scored as `score_as`."""
    score_as: bool | str | int | float | None
    examples: list[Any]


class ExamplesAnswer(TypedDict):
    """The fields of a model in order."""

    model: str
    version: str
    fields: list[DescribedField]


SHAPE = JsonShape(ExplainRequest)


@router.post(
    "/v1/explain",
    response_model=None,
    openapi_extra=takes(ExplainRequest),
    responses=answers(ExplainAnswer, 400, 401, 404, 413, 503, 504),
)
async def explain(request: Request) -> Response:
    """Which fields moved a row's score, one at a time: the score minus the score without knowing the field's value."""
    serving = serving_of(request)
    body = await read_json(request, SHAPE, serving.config.max_body_bytes)
    row, model = body["row"], serving.asked_for(body)
    exchange_of(request.scope).found(model, 1)
    input_fields(model).check(row, "row")
    reasons = await serving.engine.run(lambda: _reasons(model.scorer, row))
    return json_response({"model": model.name, "version": model.version, **reasons})


@router.get(
    "/v1/examples",
    response_model=None,
    openapi_extra=texts(query=("model", "version")),
    responses=answers(ExamplesAnswer, 401, 404, 503, 504),
)
async def examples(request: Request) -> Response:
    """Fields of a model, with values that it knows."""
    serving = serving_of(request)
    model = serving.asked_for(request.query_params)
    exchange_of(request.scope).found(model, 0)
    known = await serving.engine.run(lambda: model.scorer.examples(EXAMPLES))
    fields = [_described(field, known.get(field.name, [])) for field in model.scorer.schema.fields]
    return json_response({"model": model.name, "version": model.version, "fields": fields})


def _reasons(scorer: Scorer, row: Mapping[str, Any]) -> dict[str, Any]:
    (scored,) = scorer.score([scorer.encode_rows([row], {})])
    probability, without = scorer.explain(row)
    changes = {name: {"probability_without": p, "change": probability - p} for name, p in without.items()}
    return {"probability": probability, "fields": changes, "unseen": list(scored.unseen)}


def _described(field: Field, known: list[Any]) -> DescribedField:
    return {
        "name": field.name,
        "kind": field.kind,
        "side": field.side,
        "separator": field.separator,
        "max_items": field.max_items,
        "keep": field.keep,
        "input": field.score_as is None,
        "score_as": field.score_as,
        "examples": known,
    }
