"""`/docs`: what the server answers, as a page that loads nothing from elsewhere."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from clickprompt.serving.direct_route import DirectRoute

router = APIRouter(route_class=DirectRoute)

_STYLE = (
    ":root{color-scheme:light dark;font:16px/1.45 system-ui,sans-serif}"
    "body{max-width:56rem;margin:2rem auto;padding:0 1rem}"
    "h2{font-size:1rem;margin:1.5rem 0 0}p,dl{margin:.25rem 0}dt{float:left;width:5rem;opacity:.7}dd{margin-left:5rem}"
    "pre{overflow:auto}"
)
_DIGEST = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {"Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'", "Cache-Control": "no-cache"}


@router.get("/docs", response_model=None, include_in_schema=False)
async def docs(request: Request) -> Response:
    """All addresses, what they take and answer."""
    return Response(page(request.app.openapi()), media_type="text/html", headers=_HEADERS)


def page(description: dict[str, Any]) -> str:
    """An OpenAPI description as HTML."""
    schemas = description.get("components", {}).get("schemas", {})
    parts = [_operation(method, path, told) for path, by in description["paths"].items() for method, told in by.items()]
    shapes = [
        f"<details id='{escape(name)}'><summary>{escape(name)}</summary>"
        f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre></details>"
        for name, schema in sorted(schemas.items())
    ]
    title = f"{escape(description['info']['title'])} {escape(description['info']['version'])}"
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>{escape(description['info'].get('summary', ''))} "
        "For programs: <a href='/openapi.json'>openapi.json</a>. To try it: <a href='/'>the page</a>.</p>"
        + "".join(parts)
        + "<h2>Shapes of bodies</h2>"
        + "".join(shapes)
    )


def _operation(method: str, path: str, told: dict[str, Any]) -> str:
    answers = ", ".join(
        f"{status} {_shape(answer.get('content', {})) or escape(answer['description'])}"
        for status, answer in told["responses"].items()
    )
    takes = _shape(told.get("requestBody", {}).get("content", {}))
    return (
        f"<section><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"
        f"<p>{escape(told.get('description', ''))}</p><dl>"
        + (f"<dt>takes<dd>{takes}" if takes else "")
        + f"<dt>answers<dd>{answers}</dl></section>"
    )


def _shape(content: dict[str, Any]) -> str:
    name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f"<a href='#{escape(name)}'>{escape(name)}</a>" if name else ""
