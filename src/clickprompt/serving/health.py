"""Whether the server lives, and whether it is ready."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from clickprompt.serving.context import serving_of
from clickprompt.serving.direct_route import DirectRoute
from clickprompt.serving.json_bodies import json_response
from clickprompt.serving.open_api import answers
from clickprompt.serving.problems import HttpProblem

router = APIRouter(route_class=DirectRoute, tags=["health"])


@router.get("/v2/health/live", response_model=None)
async def live(request: Request) -> Response:
    """The process answers."""
    return json_response({"live": True})


@router.get("/v2/health/ready", response_model=None, responses=answers(None, 503))
async def ready(request: Request) -> Response:
    """Models are loaded and the server is not about to stop; else 503."""
    serving = serving_of(request)
    if serving.draining:
        raise HttpProblem(503, "the server is about to stop", "not_ready")
    if not serving.repository.ready:
        raise HttpProblem(503, "no model is loaded", "not_ready")
    return json_response({"ready": True})


@router.get("/metrics", response_model=None, response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Metrics in Prometheus's text format."""
    serving = serving_of(request)
    serving.metrics.waiting.set(serving.engine.waiting)
    return Response(serving.metrics.page(), media_type=CONTENT_TYPE_LATEST)
