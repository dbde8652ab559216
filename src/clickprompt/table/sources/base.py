"""What every source has: a way to find its files, and a way to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError, Settings
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile, RawTable


class InputsNotFound(ClickPromptError):
    """The files of a source are not on this machine."""


class SourceConfig(Settings, ABC):
    """Settings of a source, and the reader they describe."""

    path_settings: ClassVar[frozenset[str]] = frozenset({"path"})
    """Settings that say where files lie; the contents count for a fingerprint, the places do not."""

    @abstractmethod
    def inputs(self) -> tuple[InputFile, ...]:
        """The files to read, in the order of the rows. Raises InputsNotFound where one is not at hand."""

    def fetch(self, progress: Progress) -> None:
        """Bring files that `inputs` misses to this machine, where the source knows how."""
        self.inputs()

    @abstractmethod
    def read(self, progress: Progress, bad: BadRows | None = None) -> RawTable:
        """Read the files that `inputs` names.

        Raises ClickPromptError with file and row for anything amiss; rows are left out where `bad` asks for that.
        """
