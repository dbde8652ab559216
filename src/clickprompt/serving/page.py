"""The page at `/`: fields, score, ranking and reasons of a model, in files that ship with the package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from clickprompt.serving.direct_route import DirectRoute

_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class _File:
    body: bytes
    kind: str
    tag: str
    """What a browser tells that has these very bytes."""


def _read_files() -> dict[str, _File]:
    """Files of the page by name."""
    found = {}
    for file in files("clickprompt.serving").joinpath("page").iterdir():
        kind = _KINDS.get(file.name.rpartition(".")[2])
        if kind is not None:
            body = file.read_bytes()
            found[file.name] = _File(body, kind, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return found


_FILES = _read_files()
router = APIRouter(route_class=DirectRoute, include_in_schema=False)


@router.get("/", response_model=None)
async def page(request: Request) -> Response:
    """The page itself."""
    return _answer(request, "index.html")


@router.get("/page/{name}", response_model=None)
async def part_of_page(request: Request) -> Response:
    """What the page is made of."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(404)
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    """A file, or 304 to a browser that has it. The browser may load nothing from other hosts."""
    file = _FILES[name]
    headers = {**_HEADERS, "ETag": file.tag}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.kind, headers=headers)
