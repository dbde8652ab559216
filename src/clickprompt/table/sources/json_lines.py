"""JSON lines of any keys: one object a line; keys that a line lacks are missing values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clickprompt.settings import ClickPromptError, first_line
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.json_faults import first_fault, usual_kinds
from clickprompt.table.sources.json_pieces import PIECE_ROWS, nested_in_texts, parsed
from clickprompt.table.sources.json_types import Misfit, kind_of_type, merged, type_of_kinds
from clickprompt.table.sources.text_blocks import line_blocks
from clickprompt.table.sources.usable_lines import fit, usable_lines

if TYPE_CHECKING:
    import polars as pl


def read_json_lines(path: Path, name: str, *, encoding: str = "utf-8", bad: BadRows | None = None) -> pl.DataFrame:
    """A frame with a column for each key; lines at fault are told to `bad`, whose `seen` stays as it is."""
    return settled(InputFile(name, path), encoding, bad)


def settled(file: InputFile, encoding: str, bad: BadRows | None = None) -> pl.DataFrame:
    """The same of a file that may lie elsewhere: read until the types no longer widen."""
    import polars as pl

    types: dict[str, pl.DataType] = {}
    while True:
        own = BadRows() if bad is None else BadRows(bad.policy, bad.max_share)
        frames = [frame for frame, _ in json_line_pieces(file, types, own, encoding=encoding)]
        if all(dict(frame.schema) == types for frame in frames):
            break
    if bad is not None:
        bad.rows += own.rows
    return pl.concat(frames) if frames else pl.DataFrame(schema=types)


def json_line_pieces(
    file: InputFile, types: dict[str, pl.DataType], bad: BadRows, *, encoding: str = "utf-8", rows: int = PIECE_ROWS
) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    """Frames with a column for each key that was met so far, and int64 (rows,): each row's number in its file.

    `types`: of each key, as a reading of the whole file would find; widened while pieces come. Those that came before
    have narrower types then, and the caller reads again with what `types` holds now. Each row counts in `bad.seen`.
    Raises ClickPromptError with file and line for a line that is no object, or that holds a list or an object where
    another holds something else; such lines are left out where `bad` asks for that.
    """
    reader = _Reader(file, types, bad, encoding)
    empty = True
    for block in line_blocks(file, encoding):
        if not block.isspace():
            empty = False
            frame, numbers = reader.read(block)
            for start in range(0, len(numbers), rows):
                yield frame[start : start + rows], numbers[start : start + rows]
        reader.line += block.count(b"\n")
    if empty:
        raise ClickPromptError(f"{file.name}: the file is empty")
    if reader.first is not None and reader.kept == 0:
        raise ClickPromptError(f"{file.name}: none of {reader.row:,} lines can be read; such as {reader.first}")


@dataclass
class _Reader:
    file: InputFile
    types: dict[str, pl.DataType]
    bad: BadRows
    encoding: str
    line: int = 0
    """Lines before the block."""
    row: int = 0
    """Rows before it."""
    kept: int = 0
    first: BadRow | None = None
    usual: dict[str, str] = field(default_factory=dict)
    """What most values of a key are, in all the file; empty until a line does not fit."""

    def read(self, block: bytes) -> tuple[pl.DataFrame, np.ndarray]:
        """The rows of a block, of the types that are known by now, and their numbers."""
        try:
            frame = self._whole(block)
            seen = frame.height or _lines(block)
            numbers = np.arange(self.row + 1, self.row + seen + 1)
        except Misfit as misfit:
            if not self.bad.skips:
                fault = first_fault(self.file, self.encoding)
                raise fault or ClickPromptError(f"{self.file.name}: {misfit}") from None
            frame, numbers, seen = self._usable(block)
        self.row += seen
        self.kept += len(numbers)
        self.bad.seen += seen
        return frame, numbers

    def _whole(self, block: bytes) -> pl.DataFrame:
        """Every line of a block. Raises Misfit where one does not fit the others or those before."""
        import polars as pl

        try:
            frame = pl.read_ndjson(block, infer_schema_length=None)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            known = parsed(block, pl.Schema(self.types)) if self.types else None
            if known is None:
                raise Misfit(first_line(error)) from None
            return known
        if nested_in_texts(frame, block):
            raise Misfit("texts among lists or objects")
        if not frame.width:  # objects without a key
            return self._none(_lines(block))
        types = merged(self.types, frame.schema)
        self.types.clear()
        self.types.update(types)
        if dict(frame.schema) == types:
            return pl.DataFrame([frame.get_column(name) for name in types])
        wide = parsed(block, pl.Schema(types))
        if wide is None:
            raise Misfit("values of several types")
        return wide

    def _usable(self, block: bytes) -> tuple[pl.DataFrame, np.ndarray, int]:
        """The lines that are objects of the types that most lines have; the others are told to `bad`."""
        lines, faults, seen = usable_lines(block, self.file.name, self.encoding, self.usual, keeps=self.bad.keeps)
        try:
            frame = self._whole(b"\n".join(lines)) if lines else self._none()
        except Misfit as misfit:
            if self.usual:
                raise ClickPromptError(f"{self.file.name}: {misfit}; give each key one type") from None
            self._learn_usual_kinds()
            return self._usable(block)
        for fault in faults:
            assert fault.line is not None
            placed = replace(fault, row=fault.row + self.row, line=fault.line + self.line)
            self.bad.rows.append(placed)
            self.first = self.first or placed
        lost = np.array([fault.row for fault in faults], dtype=np.int64)
        return frame, np.setdiff1d(np.arange(1, seen + 1), lost) + self.row, seen

    def _none(self, rows: int = 0) -> pl.DataFrame:
        """So many rows without a value; of no height while no key is known."""
        import polars as pl

        return pl.DataFrame(schema=self.types).clear(rows)

    def _learn_usual_kinds(self) -> None:
        """Look at all lines of the file; what was learnt of keys that mostly are something else is forgotten."""
        self.usual = usual_kinds(self.file, self.encoding)
        for name, kind in self.types.items():
            if not _fits(kind, self.usual, name):
                self.types[name] = type_of_kinds(self.usual, name)


def _lines(block: bytes) -> int:
    return sum(1 for line in block.split(b"\n") if line.strip())


def _fits(kind: Any, usual: dict[str, str], name: str) -> bool:
    """Whether a type learnt so far is of the kinds that most values have."""
    import polars as pl

    if kind_of_type(kind) == "null" or name not in usual:
        return True
    items = usual.get(f"an item of {name}")
    if isinstance(kind, pl.List) and usual[name] == "a list" and items is not None and kind.inner != pl.Null:
        return fit(kind_of_type(kind.inner), items)
    return fit(kind_of_type(kind), usual[name])
