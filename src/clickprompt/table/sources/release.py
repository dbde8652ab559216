"""Where the files of a public release lie: in a folder of the user's, or in the cache."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from clickprompt.contracts import Progress
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.base import InputsNotFound, SourceConfig
from clickprompt.table.sources.fetch import cached, fetch_files


def release_folder(path: Path | None, cache_name: str, part: str, kind: str) -> Path:
    """The folder that the user named, else the cached one. Raises InputsNotFound where there is none.

    `part`: what may not be in the cache, `kind`: what it is a part of, both for the error.
    """
    folder = cached(cache_name) if path is None else path.expanduser()
    if folder is None:
        raise InputsNotFound(f"{part}: not in the cache; set data.source.path to its folder")
    if not folder.is_dir():
        raise InputsNotFound(f"{path}: no such folder; set data.source.path to the folder of {kind}")
    return folder


class GzippedRelease(SourceConfig):
    """A release of gzipped files, which may lie unpacked in the user's folder, fetched one by one."""

    path: Path | None = None
    """Folder with the files, gzipped or not; by default the cache, filled from the net when empty."""

    @property
    @abstractmethod
    def _cache_name(self) -> str: ...

    @property
    @abstractmethod
    def _addresses(self) -> Mapping[str, str]:
        """The address of each file by its name, in the order in which `inputs` gives them."""

    @property
    @abstractmethod
    def _part(self) -> tuple[str, str]:
        """The setting that says which part of the release is read, and its value."""

    def _hint(self, folder: Path) -> str:
        """What else may be wrong with a folder that lacks a file."""
        return ""

    def inputs(self) -> tuple[InputFile, ...]:
        """Each file, gzipped or not."""
        kind, (setting, value) = str(type(self).model_fields["kind"].default), self._part
        folder = release_folder(self.path, self._cache_name, f"{kind}, {value}", kind)
        shown, files = folder if self.path is None else self.path, []
        for name in self._addresses:
            found = next((n for n in (name, name.removesuffix(".gz")) if (folder / n).is_file()), None)
            if found is None:
                wrong = f"not {kind} with {setting} {value}; expected {name} in it{self._hint(folder)}"
                raise InputsNotFound(f"{shown}: {wrong}")
            files.append(InputFile(str(shown / found), folder / found))
        return tuple(files)

    def fetch(self, progress: Progress) -> None:
        """Fill the cache from the authors' server, which tells no checksums but those inside the gzip files."""
        if self.path is not None:
            self.inputs()
        else:
            fetch_files(self._cache_name, self._addresses, progress)
