"""Contenders of `serving.py`: what people write themselves, and what the HTTP layer costs alone.

    python benchmarks/serving_plain.py fastapi|constant PORT [BUNDLE]

`fastapi`: `Predictor` behind FastAPI as its tutorial shows it: a pydantic model in, a dict out, one thread pool.
`constant`: an ASGI function that reads the body and answers the same bytes, on the same uvicorn, uvloop and httptools.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from pydantic import BaseModel

ANSWER = b'{"model": "constant", "version": "1", "scores": [0.5]}'


class ScoreRequest(BaseModel):
    """Body of `/v1/score`."""

    context: dict[str, Any]
    candidates: list[dict[str, Any]]


async def constant(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, answer 200."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def plain(bundle: str) -> Any:
    """FastAPI around `Predictor`."""
    from fastapi import FastAPI

    from clickprompt.bundle import Predictor

    predictor, app = Predictor.load(bundle), FastAPI()

    @app.get("/v2/health/ready")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/v1/score")
    def score(request: ScoreRequest) -> dict[str, Any]:
        rows = [{**request.context, **candidate} for candidate in request.candidates]
        return {"version": "1", "scores": predictor.predict(rows).tolist()}

    return app


if __name__ == "__main__":
    app = constant if sys.argv[1] == "constant" else plain(sys.argv[3])
    uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning")
