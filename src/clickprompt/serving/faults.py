"""Versions that cannot be served, and when that is worth saying."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass

from clickprompt.serving.version_folders import Key, Stamps, VersionFolder


@dataclass(frozen=True)
class Fault:
    """A version that cannot be served."""

    name: str
    version: str
    message: str
    """Why, in one line."""


@dataclass
class _Failure:
    stamps: Stamps
    fault: Fault
    reported: bool = False


class Faults:
    """Remembers which files could not be loaded. `tell` hears of each once, at the second look at the same files: those
    that still change are being copied."""

    def __init__(self, tell: Callable[[Fault], None]) -> None:
        self._tell = tell
        self._failures: dict[Key, _Failure] = {}
        """Never changed, only replaced, for other threads read it."""

    def add(self, folder: VersionFolder, stamps: Stamps, message: str) -> None:
        """These files could not be loaded."""
        failure = _Failure(stamps, Fault(folder.name, folder.version, message))
        self._failures = {**self._failures, folder.key: failure}

    def knows(self, folder: VersionFolder, stamps: Stamps) -> bool:
        """Whether these very files could not be loaded before."""
        failure = self._failures.get(folder.key)
        if failure is None or failure.stamps != stamps:
            return False
        self._report(failure)
        return True

    def forget(self, folder: VersionFolder) -> None:
        """It is served after all."""
        self.keep(self._failures.keys() - {folder.key})

    def keep(self, keys: Set[Key]) -> None:
        """Forget all versions but these."""
        self._failures = {key: failure for key, failure in self._failures.items() if key in keys}

    def report(self) -> None:
        """Say all that has not been said."""
        for failure in self._failures.values():
            self._report(failure)

    def reported(self) -> list[Fault]:
        """What has been said and is still so."""
        return [failure.fault for failure in self._failures.values() if failure.reported]

    def _report(self, failure: _Failure) -> None:
        if not failure.reported:
            failure.reported = True
            self._tell(failure.fault)
