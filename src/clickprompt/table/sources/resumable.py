"""One file over https, gone on with where a connection was cut, in this process or an earlier one."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, write_file

_SECONDS = 10
"""Without a byte, until a connection counts as cut."""
_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between tries that bring nothing new; then it is given up."""
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another try may better."""
_BLOCK = 1 << 18


class _CutError(Exception):
    """A try that ended early; `answered`: whether the server was there at all."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


def resume(url: str, part: Path, progress: Progress, *, most: int) -> None:
    """Fetch `url` into `part`, whole; what stands there of it is kept and only the rest is asked for.

    `<part>.json` beside it remembers address, size and the server's mark of the version (a strong ETag, else the time
    of the last change). Range and If-Range (RFC 9110, 13.1.5 and 14.2) see to it that a file that has changed since
    starts anew. A connection that is cut is tried again, with growing waits while nothing new comes; a server that
    never answered is not. Raises ClickPromptError where the file cannot be had, would be larger than `most` bytes or
    than the disk has room; what came so far stays, for the next call.
    """
    furthest, fruitless, answered = _length(part), 0, False
    while True:
        try:
            _try(url, part, progress, most)
            return
        except _CutError as cut:
            reached, answered = _length(part), answered or cut.answered
            fruitless = 1 if reached > furthest else fruitless + 1
            furthest = max(furthest, reached)
            if not answered or fruitless > len(_WAITS):
                kept = f"; {reached:,} bytes are kept for the next try" if reached else ""
                raise ClickPromptError(f"{url}: cannot be fetched ({cut}){kept}") from None
            wait = _WAITS[fruitless - 1]
            progress.say(f"{url}: {cut}; trying again in {wait:g} s")
            time.sleep(wait)


def refuse_plain(url: str) -> None:
    """Raise ClickPromptError for an address that is not https."""
    if not url.lower().startswith("https://"):
        raise ClickPromptError(f"{url}: not an https address; nothing is fetched from it")


def forget(part: Path) -> None:
    """Delete what `resume` has left of a file."""
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _try(url: str, part: Path, progress: Progress, most: int) -> None:
    refuse_plain(url)
    known = _read_notes(part, url)
    done = _length(part) if known.get("version") else 0
    if done and done == known.get("total"):
        return
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "clickprompt"})
    if done:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", known["version"])
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:
            refuse_plain(response.url)  # after redirections
            done, total = _begin(response, part, url, known, done)
            _check_size(url, part, done, total, most)
            _receive(response, part, url, progress, done, total, most)
    except urllib.error.HTTPError as error:
        with error:
            _explain(error, url, part, known, done)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _CutError(str(getattr(error, "reason", error)), answered=False) from None


def _begin(response: Any, part: Path, url: str, known: dict[str, Any], done: int) -> tuple[int, int | None]:
    """Where the answer goes on, and how long the whole file is, where that is known."""
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        total = int(found[2]) if found and found[2] != "*" else known.get("total")
        changed = _version(response) not in (None, known["version"]) or total != known.get("total")
        if found is None or int(found[1]) != done or changed:
            forget(part)
            raise _CutError("the file has changed, or another part of it came", answered=True)
        return done, total
    length = response.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    notes = {"url": url, "version": _version(response), "total": total}
    forget(part)
    with clear_disk_errors(part):
        part.touch()
    write_file(_notes(part), json.dumps(notes) + "\n")
    return 0, total


def _receive(response: Any, part: Path, url: str, progress: Progress, done: int, total: int | None, most: int) -> None:
    report = progress.start(f"Downloading {url}", total, "bytes")
    report(done, "resumed" if done else "")
    with clear_disk_errors(part):
        file = part.open("ab")
    with file:
        while block := _read(response):
            with clear_disk_errors(part):
                done += file.write(block)
                file.flush()
            report(done, "")
            if done > most:
                raise _too_large(url, done, most)
    if total is not None and done < total:
        raise _CutError(f"cut after {done:,} of {total:,} bytes", answered=True)


def _read(response: Any) -> bytes:
    try:
        return response.read(_BLOCK)
    except (http.client.HTTPException, OSError) as error:
        raise _CutError(f"cut: {error}", answered=True) from None


def _explain(error: urllib.error.HTTPError, url: str, part: Path, known: dict[str, Any], done: int) -> None:
    """Nothing where all is there already; else the error that an answer of no success amounts to."""
    told = f"{error.code} {error.reason}"
    if error.code == 416 and done:
        same = _version(error) in (None, known["version"])
        if same and error.headers.get("Content-Range") == f"bytes */{done}":
            return
        forget(part)
        raise _CutError("the file has changed", answered=True) from None
    if error.code in _BUSY:
        raise _CutError(told, answered=True) from None
    raise ClickPromptError(f"{url}: cannot be fetched ({told})") from None


def _check_size(url: str, part: Path, done: int, total: int | None, most: int) -> None:
    if total is None:
        return
    if total > most:
        raise _too_large(url, total, most)
    free = shutil.disk_usage(part.parent).free
    if total - done > free:
        raise ClickPromptError(
            f"{part.parent}: no room for {url}: {total - done:,} bytes are to come and {free:,} are free; free some "
            "or set CLICKPROMPT_CACHE to another place"
        )


def _too_large(url: str, size: int, most: int) -> ClickPromptError:
    return ClickPromptError(f"{url}: {size:,} bytes, larger than any known release ({most:,} bytes at most); stopped")


def _version(response: Any) -> str | None:
    """What If-Range may name: weak ETags may not (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag")
    return etag if etag and etag.startswith('"') else response.headers.get("Last-Modified")


def _read_notes(part: Path, url: str) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        notes = json.loads(_notes(part).read_bytes())
        if isinstance(notes, dict) and notes.get("url") == url:
            return notes
    return {}


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
