"""The folder that is served: models and their versions, swapped while requests run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clickprompt.serving.catalogue import Catalogue, UnknownModel
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.faults import Fault, Faults
from clickprompt.serving.graph_cache import GraphCache, fingerprint_of
from clickprompt.serving.loading import load_version
from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.version_folders import Key, Stamps, VersionFolder, stamps_of, version_folders
from clickprompt.settings import ClickPromptError, first_line

__all__ = ["Change", "Fault", "Repository", "UnknownModel"]

logger = logging.getLogger("clickprompt.serving")


@dataclass(frozen=True)
class Change:
    """What happened to a version; told to `on_change`."""

    what: Literal["loaded", "dropped", "failed"]
    name: str
    version: str
    message: str
    """How, or why, in one line."""


class Repository:
    """Versions of models found in a folder (`version_folders` tells which), the newest `config.keep_versions` of each.

    A version is loaded beside those that are served, checked, and swapped in by one assignment; requests that hold an
    older one finish with it, then its memory goes. A bundle replaced in place is loaded anew; until then, and where the
    new one is broken, what was loaded goes on. A version that cannot be loaded is reported once, unless its files still
    change, for then it is being copied; it is tried again whenever they change. One that is gone, twice looked at, is
    dropped. `on_change` hears of it all, in the thread that looks.
    """

    def __init__(self, path: Path, config: ServingConfig, on_change: Callable[[Change], None] | None = None) -> None:
        self.path = Path(path)
        self.config = config
        self._on_change = on_change
        self._cache = GraphCache(config.cache)
        self._catalogue = Catalogue()
        self._faults = Faults(lambda fault: self._tell("failed", (fault.name, fault.version), fault.message))
        self._stamps: dict[Key, Stamps] = {}
        """Of the files that each served version was loaded from."""
        self._missing: set[Key] = set()
        """Served versions that were gone at the last look."""
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> None:
        """Load what is there. Raises ClickPromptError, with every reason, where nothing can be served."""
        self.refresh()
        self._faults.report()
        self._cache.prune()
        if self.ready:
            return
        if self._stop.is_set():
            raise ClickPromptError(f"{self.path}: stopped before anything was loaded")
        raise ClickPromptError(
            "; ".join(fault.message for fault in self.faults())
            or f"{self.path}: no bundle in it; expected one, or a folder of bundles, or of MODEL/1, MODEL/2, …"
        )

    def refresh(self) -> bool:
        """Look again; whether anything changed. Raises ClickPromptError only where the folder itself cannot be read."""
        with self._looking:
            before = self._catalogue
            versions_of = version_folders(self.path)
            looked_at = [folder for folders in versions_of.values() for folder in self._load_newest(folders)]
            if not self._stop.is_set():
                self._drop([folder for folders in versions_of.values() for folder in folders], looked_at)
            return self._catalogue is not before

    def watch(self) -> None:
        """Refresh every `config.poll_seconds` in a thread, until closed."""
        self._thread = threading.Thread(target=self._watch, name="watch-models", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching; an export that is under way is given up."""
        self._stop.set()
        self._cache.stop()
        if self._thread is not None:
            self._thread.join()

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """The version asked for, else the newest; the only model where no name is given. Raises UnknownModel."""
        return self._catalogue.find(name, version)

    def names(self) -> list[str]:
        """Models that are served."""
        return self._catalogue.names()

    def versions(self, name: str) -> list[str]:
        """Versions of a model, newest first. Raises UnknownModel."""
        return self._catalogue.versions(name)

    def models(self) -> list[ServedModel]:
        """All versions of all models, by name, newest first."""
        return self._catalogue.models()

    def faults(self) -> list[Fault]:
        """What could not be loaded, and why."""
        return self._faults.reported()

    @property
    def ready(self) -> bool:
        """Whether anything is served."""
        return bool(self._catalogue.served)

    def _watch(self) -> None:
        said = ""
        while not self._stop.wait(self.config.poll_seconds):
            try:
                self.refresh()
                said = ""
            except Exception as error:
                if str(error) != said:
                    unforeseen = not isinstance(error, ClickPromptError)
                    logger.error("cannot look for versions: %s", first_line(error), exc_info=unforeseen)
                said = str(error)

    def _load_newest(self, folders: list[VersionFolder]) -> list[VersionFolder]:
        """Load a model's versions, newest first, until as many as wanted are served; those that were looked at."""
        served = 0
        for looked_at, folder in enumerate(folders):
            if served == self.config.keep_versions or self._stop.is_set():
                return folders[:looked_at]
            served += self._is_served(folder)
        return folders

    def _is_served(self, folder: VersionFolder) -> bool:
        """Whether the version answers; it is loaded first where its files are new or have changed."""
        stamps = stamps_of(folder.path)
        is_held = folder.key in self._catalogue.served
        if is_held and stamps == self._stamps[folder.key]:
            self._faults.forget(folder)
            return True
        if self._faults.knows(folder, stamps):
            return is_held
        if is_held and not folder.has_manifest:
            return True
        try:
            if not is_held or fingerprint_of(folder.path) != self._catalogue.served[folder.key].fingerprint:
                self._load(folder)
        except Exception as error:
            if not isinstance(error, ClickPromptError):
                logger.exception("%s: cannot be loaded", folder.path)
            said = str(error) if isinstance(error, ClickPromptError) else f"{folder.path}: {first_line(error)}"
            self._faults.add(folder, stamps, said)
            return is_held
        self._faults.forget(folder)
        self._stamps[folder.key] = stamps
        return True

    def _load(self, folder: VersionFolder) -> None:
        model = load_version(folder, self.config, self._cache, behind=self.ready)
        self._catalogue = Catalogue([*self.models(), model])
        self._tell("loaded", folder.key, f"in {model.load_seconds:.1f} s from {folder.path}")

    def _drop(self, there: list[VersionFolder], looked_at: list[VersionFolder]) -> None:
        """Let go of served versions that newer ones have replaced, or that are gone: at the last look too, for a folder
        that is being replaced is gone for a moment."""
        served, newest = self._catalogue.served, {folder.key for folder in looked_at}
        missing = served.keys() - {folder.key for folder in there if folder.has_manifest}
        dropped = (missing & self._missing) | (served.keys() - missing - newest)
        self._missing = missing - dropped
        self._faults.keep(newest)
        if dropped:
            self._catalogue = Catalogue(model for key, model in served.items() if key not in dropped)
        for key in sorted(dropped):
            del self._stamps[key]
            self._tell("dropped", key, "gone from disk" if key in missing else "newer versions are served")

    def _tell(self, what: Literal["loaded", "dropped", "failed"], key: Key, message: str) -> None:
        logger.log(logging.ERROR if what == "failed" else logging.INFO, "%s version %s %s: %s", *key, what, message)
        if self._on_change is not None:
            try:
                self._on_change(Change(what, *key, message))
            except Exception:
                logger.exception("%s version %s: nobody could be told that it is %s", *key, what)
