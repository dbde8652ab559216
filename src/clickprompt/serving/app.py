"""The HTTP application: what it answers at which address."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from clickprompt import __version__
from clickprompt.serving import (
    docs_page,
    explain_api,
    health,
    inference_metadata,
    models_api,
    open_inference,
    page,
    score_api,
)
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.context import Serving
from clickprompt.serving.engine import Engine
from clickprompt.serving.gate import Gate
from clickprompt.serving.metrics import Metrics
from clickprompt.serving.open_api import describe_bodies
from clickprompt.serving.repository import Repository

ROUTERS = (score_api, open_inference, health, inference_metadata, models_api, explain_api, page, docs_page)
"""Modules with a `router`; those asked most often come first."""


class ServingApp(FastAPI):
    """FastAPI's routes and OpenAPI page, behind the gate instead of FastAPI's own stack of wrappers.

    The gate handles errors for all routes; the wrappers cost 100 µs a request, as much as scoring a row.
    """

    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["app"] = self
        await self.gate(scope, receive, send)


def create_app(
    repository: Repository, engine: Engine, config: ServingConfig, metrics: Metrics | None = None
) -> ServingApp:
    """The application that serves a repository's models; `app.state.serving` holds what its routes share.

    `metrics` are those that the repository and the engine report to, where they do.
    """
    app = ServingApp(
        title="clickprompt",
        version=__version__,
        summary="Click probabilities of raw rows.",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.serving = Serving(repository, engine, config, metrics or Metrics())
    app.gate = Gate(app.router, app.state.serving)
    for module in ROUTERS:
        app.router.routes.extend(module.router.routes)
    describe_bodies(app)
    return app
