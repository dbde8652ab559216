"""What every source has: a way to find its files, and a way to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError, Settings
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile, RawTable
from clickprompt.table.sources.joined import joined


class InputsNotFound(ClickPromptError):
    """The files of a source are not on this machine."""


class TypesWidened(Exception):
    """A later piece of a file does not have the types of earlier ones; what has been learnt stands in `types`."""


@dataclass(frozen=True)
class PublishedCounts:
    """What a paper printed of a data set."""

    rows: int
    """Rows after labelling, all splits together."""
    features: int
    """Distinct values of all fields together."""
    fields: Mapping[str, int]
    """Distinct values of each field, where they were printed or follow from the release; else empty."""
    source: str
    """Where that stands."""
    note: str = ""
    """Why the public files give other counts by every rule that is known; empty where they give these."""


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

    def read(self, progress: Progress, bad: BadRows | None = None) -> RawTable:
        """All rows of the files that `inputs` names, at once; a source defines this or `pieces`.

        Raises ClickPromptError with file and row for anything amiss; rows are left out where `bad` asks for that.
        """
        return joined(list(self.pieces(progress, bad or BadRows(), {})))

    def pieces(self, progress: Progress, bad: BadRows, types: dict[str, Any]) -> Iterator[RawTable]:
        """What `read` gives, in pieces of bounded size that follow one another; a piece holds rows of one split.

        `types`: by column, the polars type that all pieces are to have; a source that learns types as it reads widens
        them there and raises TypesWidened, and is asked for all pieces again. Raises as `read` does.
        """
        yield self.read(progress, bad)

    def catalogue(self) -> Mapping[str, Sequence[Any]]:
        """Raw values that metadata files list, by field, whether rows hold them or not; see `data.fit_on`."""
        return {}

    def published(self) -> PublishedCounts | None:
        """What a paper printed of the data set with these settings; None where nothing is known."""
        return None
