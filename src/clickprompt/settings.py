"""What every setting and every user-facing error has in common."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from clickprompt.secrets import masked

_LONGEST_NAME = 200
"""Letters that a name is compared by; callers of a server may send megabytes."""


class ClickPromptError(Exception):
    """Something the user can mend, in one line: where, what was wrong, what to do. Commands end with status 2.

    Names and values from files may hold anything: what cannot be printed is written out, what is endless is cut,
    passwords and tokens are struck out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


def _one_line(message: str, most: int = 2_000) -> str:
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in masked(message))
    return line if len(line) <= most else f"{line[: most // 2]} … {line[-most // 2 :]}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " (did you mean X?)" for the nearest known name, else " (known: …)"."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(name)[:_LONGEST_NAME], known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else f" (known: {', '.join(known)})"


class Settings(BaseModel):
    """A frozen group of settings that refuses names it does not know and offers the nearest one it does."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_names(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name in data:
                if name not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_setting", "{message}", {"name": name, "message": did_you_mean(name, cls.model_fields)}
                    )
        return data


OUT_OF_MEMORY = "out of memory; lower hash_rows, micro_batch_size, batch_size or ctr_model.embedding_dim"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no memory left, whichever library says so."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def first_line(error: BaseException) -> str:
    """What an error says first; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def explain(error: ValidationError, where: str, data: Any, what: str = "recipe") -> ClickPromptError:
    """The first thing wrong, as one line: `mine.yaml: data.min_cuont is not a setting of data (did you mean …)`.

    `data` is what was validated, a `what`; it tells names the user wrote from the union tags that pydantic adds to the
    path.
    """
    first = error.errors()[0]
    name = ".".join(_path(first["loc"], data))
    context = first.get("ctx", {})
    kind = first["type"]
    if kind == "unknown_setting":
        unknown, section = context["name"], f"of {name}" if name else f"at the top of the {what}"
        full = f"{name}.{unknown}" if name else unknown
        section += _kind_of(first["loc"], data)
        return ClickPromptError(f"{where}: {full} is not a setting {section}{context['message']}")
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return ClickPromptError(
            f"{where}: {name}.kind: unknown {context['tag']!r}{did_you_mean(context['tag'], known)}"
        )
    if kind == "union_tag_not_found":
        return ClickPromptError(f"{where}: {name} needs a kind; `clickprompt list` names them")
    if kind == "missing":
        return ClickPromptError(f"{where}: {name} is missing and has no default")
    message = first["msg"].removeprefix("Value error, ")
    value = first.get("input")
    shown = f" is {value!r};" if isinstance(value, str | int | float | bool) or value is None else ":"
    return ClickPromptError(f"{where}: {name or what}{shown} {message[:1].lower() + message[1:]}")


def _kind_of(location: tuple[int | str, ...], data: Any) -> str:
    """ " with kind X" where the path ends in a union's tag."""
    for part in location[:-1]:
        if isinstance(data, dict) and part in data:
            data = data[part]
    tagged = location and isinstance(data, dict) and data.get("kind") == location[-1]
    return f" with kind {location[-1]}" if tagged else ""


def _path(location: tuple[int | str, ...], data: Any) -> list[str]:
    path: list[str] = []
    for part in location:
        if isinstance(data, dict) and part not in data and data.get("kind") == part:
            continue
        path.append(str(part))
        inside = isinstance(data, dict) and part in data
        inside = inside or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        data = data[part] if inside else None
    return path
