"""The files that paths, patterns and addresses name."""

from __future__ import annotations

import glob
from pathlib import Path, PurePosixPath

from clickprompt.contracts import SplitName
from clickprompt.settings import ClickPromptError
from clickprompt.table.raw import InputFile
from clickprompt.table.remote import find_remote, is_url
from clickprompt.table.sources.base import InputsNotFound


def found_files(patterns: tuple[str, ...], part: SplitName | None) -> tuple[InputFile, ...]:
    """In the order of the patterns, sorted within each. Raises InputsNotFound where one names no file."""
    return tuple(file for pattern in patterns for file in _found(pattern, part))


def remote_input(url: str, name: str | None = None, part: SplitName | None = None) -> InputFile:
    """The file at an address."""
    last = PurePosixPath(url.partition("?")[0]).name if url.startswith("http") else PurePosixPath(url).name
    return InputFile(name or url, Path(last), part, url)


def _found(pattern: str, part: SplitName | None) -> list[InputFile]:
    setting = f"data.source.{part or 'path'}"
    if is_url(pattern):
        addresses = find_remote(pattern)
        if not addresses:
            raise InputsNotFound(f"{pattern}: no such file; check {setting}")
        return [remote_input(address, None, part) for address in addresses]
    expanded = str(Path(pattern).expanduser())
    if Path(expanded).is_dir():
        raise ClickPromptError(f"{pattern}: this is a folder; name a file, or a pattern such as {pattern}/*.parquet")
    names = [pattern] if Path(expanded).is_file() else sorted(glob.glob(expanded, recursive=True))
    if not names:
        what = "no file matches" if glob.has_magic(expanded) else "no such file"
        raise InputsNotFound(f"{pattern}: {what}; check {setting}")
    return [InputFile(name, Path(name).expanduser(), part) for name in names if not Path(name).is_dir()]
