"""Every error as an answer: a status and {"error": "…"}."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from clickprompt.serving.engine import Overloaded, TimedOut
from clickprompt.serving.repository import UnknownModel
from clickprompt.settings import ClickPromptError

_LONGEST_END = 300


@dataclass
class HttpProblem(Exception):
    """A request that is refused."""

    status: int
    message: str
    """What was wrong, in one line."""
    reason: str
    """The same in one word, for metrics; one of a few."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def response(self) -> Response:
        """The answer."""
        content = to_json({"error": _in_one_line(self.message)})
        return Response(content, self.status, headers=self.headers, media_type="application/json")


def problem_of(error: Exception) -> HttpProblem:
    """What a caller is told of an error; nothing of the server's inside."""
    match error:
        case HttpProblem():
            return error
        case UnknownModel():
            return HttpProblem(404, str(error), "unknown_model")
        case Overloaded():
            return HttpProblem(503, str(error), "overloaded", {"Retry-After": "1"})
        case TimedOut():
            return HttpProblem(504, str(error), "timed_out")
        case ClickPromptError():
            return HttpProblem(400, str(error), "bad_request")
        case HTTPException():
            return _problem_of_routing(error)
    return HttpProblem(500, "the server failed; its log tells more under this X-Request-ID", "failed")


def _problem_of_routing(error: HTTPException) -> HttpProblem:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return HttpProblem(404, "there is nothing at this address; GET /docs lists what there is", "not_found", headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get("Allow", "another method")
        return HttpProblem(405, f"this address answers {allowed} alone", "bad_method", headers)
    return HttpProblem(error.status_code, str(error.detail), "bad_request", headers)


def _in_one_line(message: str) -> str:
    """What callers sent stands in messages: line breaks go, and the middle of what is long."""
    if len(message) > 2 * _LONGEST_END:
        message = f"{message[:_LONGEST_END]} … {message[-_LONGEST_END:]}"
    return " ".join(message.split())


def last_answer(status: int, message: str) -> bytes:
    """An error as it goes over the wire, before the connection is closed, where no application answers."""
    body = to_json({"error": message})
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
