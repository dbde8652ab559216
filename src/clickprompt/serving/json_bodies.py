"""JSON bodies: read within the limit, checked, and the first thing wrong told in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from clickprompt.serving.problems import HttpProblem
from clickprompt.settings import did_you_mean

Body = TypeVar("Body")


class JsonShape(Generic[Body]):
    """What a body must look like: a TypedDict, and by name those that stand in lists within it."""

    def __init__(self, kind: type[Body], parts: Mapping[str, type] | None = None) -> None:
        self.adapter = TypeAdapter(kind)
        self.names = {name: tuple(part.__annotations__) for name, part in {"": kind, **(parts or {})}.items()}

    def read(self, body: bytes) -> Body:
        """The body's content.

        NaN and Infinity are no JSON; of a name given twice the last value counts. Raises HttpProblem with status 400.
        """
        try:
            value = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise HttpProblem(400, f"the body is not JSON: {error}", "bad_request") from None
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            raise HttpProblem(400, self._first_problem(error.errors(include_url=False)), "bad_request") from None

    def _first_problem(self, errors: list[ErrorDetails]) -> str:
        """The first thing wrong with a body, as `inputs.0.shape: expected a list`; names not known come first."""
        first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
        location = [str(part) for part in first["loc"]]
        where = ".".join(location) or "the body"
        if first["type"] == "missing":
            return f"{where} is missing"
        if first["type"] == "extra_forbidden":
            parent = next((part for part in reversed(location[:-1]) if part in self.names), "")
            return f"{where} is unknown{did_you_mean(location[-1], self.names[parent])}"
        message = first["msg"].replace("Input should be", "expected").replace("a valid dictionary", "an object")
        return f"{where}: {message.replace('valid ', '')}"


async def read_json(request: Request, shape: JsonShape[Body], limit: int) -> Body:
    """The request's body of at most `limit` bytes, whatever its Content-Type says: JSON is all that is understood."""
    return shape.read(await read_body(request, limit))


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body of at most `limit` bytes, counted as they come. Raises HttpProblem."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HttpProblem(400, "the connection ended within the body", "bad_request")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(limit: int) -> HttpProblem:
    """A body beyond the limit."""
    return HttpProblem(413, f"the body is larger than {limit:,} bytes; send fewer rows at once", "too_large")


def json_response(content: Any) -> Response:
    """200 with JSON."""
    return Response(to_json(content), media_type="application/json")
