"""Bodies that are nearly right, for fuzzing: a part replaced, dropped, doubled or renamed, or raw JSON that no library
would write."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

RAW = "\x02raw:"
"""A string that begins so stands for JSON text to be put in as it is."""
ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "\ufeff",
    "é",
    "é",
    "\ud800",
    "\udfff",
    "👩‍👩‍👧",
    "\u202e",
    "ﷺ",
    "a" * 5_000,
    "\r\n",
    "\x85",
    "\\",
    '"',
]
ODD_NUMBERS = [
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-0",
    "1E400",
    "9" * 400,
    "1e-999",
    "18446744073709551616",
    "01",
    "0x1",
]
ODD_STRUCTURES = [
    "[" * 300 + "]" * 300,
    '{"a":' * 300 + "1" + "}" * 300,
    "[" * 50_000,
    "",
    "//",
    "'a'",
    '{"a": 1, "a": 2}',
]
ODD_NAMES = [
    "model",
    "version",
    "context",
    "candidates",
    "inputs",
    "shape",
    "datatype",
    "data",
    "name",
    "__class__",
    "\x00",
]

texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=12))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.sampled_from(ODD_NUMBERS + ODD_STRUCTURES).map(lambda text: RAW + text),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything in a body, itself first."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in parts for place in _places(part, (*path, key)))]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """The body after one to three changes."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(body)))
        if not path:
            body = draw(values) if draw(st.integers(0, 9)) == 0 else body
            continue
        parent, key = _at(body, path[:-1]), path[-1]
        match draw(st.sampled_from(["replace", "replace", "drop", "double", "rename", "grow"])):
            case "replace":
                parent[key] = draw(values)
            case "drop":
                del parent[key]
            case "double":
                parent[key] = [copy.deepcopy(parent[key])] * draw(st.integers(0, 3))
            case "rename" if isinstance(parent, dict):
                parent[draw(st.one_of(st.sampled_from(ODD_NAMES), texts))] = parent.pop(key)
            case _ if isinstance(parent, list):
                parent.insert(draw(st.integers(0, len(parent))), draw(values))
    return body


def to_bytes(body: Any) -> bytes:
    """JSON, raw parts put in; lone surrogates as escapes."""
    text = json.dumps(body)
    for odd in ODD_NUMBERS + ODD_STRUCTURES:
        text = text.replace(json.dumps(RAW + odd), odd)
    return text.encode()


@st.composite
def damaged(draw: st.DrawFn, body: Any) -> bytes:
    """The body's bytes, cut, changed, or with bytes put in."""
    content = json.dumps(body, ensure_ascii=False).encode()
    place = draw(st.integers(0, len(content)))
    match draw(st.sampled_from(["cut", "change", "insert", "around"])):
        case "cut":
            return content[:place]
        case "change":
            return content[:place] + draw(st.binary(min_size=1, max_size=3)) + content[place + 1 :]
        case "insert":
            return content[:place] + draw(st.binary(min_size=1, max_size=8)) + content[place:]
    around = draw(st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b" ", b"[", b"{}", b"\x1f\x8b"]))
    return around + content if draw(st.booleans()) else content + around
