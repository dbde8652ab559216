"""What all lines of a JSON lines file hold, looked at one by one: the slow way, once something is wrong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from clickprompt.settings import ClickPromptError
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.text_blocks import is_utf8, line_blocks
from clickprompt.table.sources.usable_lines import fit, kind_of, kinds, read_line


def first_fault(file: InputFile, encoding: str) -> ClickPromptError | None:
    """The first line that is no object, or holds what does not fit an earlier line.

    Texts fit numbers and truth values, of which texts are made.
    """
    first: dict[str, tuple[str, int]] = {}
    for number, line in _lines(file, encoding):
        place = f"{file.name}, line {number:,}"
        try:
            record = json.loads(line.decode())
        except UnicodeError:
            advice = "latin-1" if is_utf8(encoding) else "utf-8"
            return ClickPromptError(f"{place}: not {encoding} text; set the encoding, such as encoding: {advice}")
        except (ValueError, RecursionError) as broken:
            return ClickPromptError(f"{place}: not JSON ({broken}); mend or remove the line")
        if not isinstance(record, dict):
            return ClickPromptError(f'{place}: {kind_of(record)}; expected an object such as {{"user": 1, "label": 0}}')
        for what, kind in kinds(record):
            before, where = first.setdefault(what, (kind, number))
            if not fit(kind, before):
                return ClickPromptError(
                    f"{place}: {what} is {kind} here and {before} in line {where:,}; give it one type"
                )
    return None


def usual_kinds(file: InputFile, encoding: str) -> dict[str, str]:
    """What most values of each key are, and most items of lists; of lines that can be read."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, line in _lines(file, encoding):
        record = read_line(line, encoding)
        for what, kind in () if isinstance(record, str) else kinds(record):
            counts[what][kind] += 1
    return {what: found.most_common(1)[0][0] for what, found in counts.items()}


def _lines(file: InputFile, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, and their numbers."""
    before = 0
    for block in line_blocks(file, encoding):
        for number, line in enumerate(block.split(b"\n"), start=before + 1):
            if line.strip():
                yield number, line
        before += block.count(b"\n")
