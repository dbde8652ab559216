"""What is served at one moment: versions of models, by name, newest first."""

from __future__ import annotations

from collections.abc import Iterable

from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.version_folders import Key
from clickprompt.settings import ClickPromptError, did_you_mean


class UnknownModel(ClickPromptError):
    """No such model or version is served."""


class Catalogue:
    """Never changes: a server swaps one for the next, so readers need no lock."""

    def __init__(self, models: Iterable[ServedModel] = ()) -> None:
        self.served: dict[Key, ServedModel] = {(model.name, model.version): model for model in models}
        """By name and version."""
        self._of_name: dict[str, dict[str, ServedModel]] = {}
        for name, version in sorted(self.served, key=lambda key: (key[0], -int(key[1]))):
            self._of_name.setdefault(name, {})[version] = self.served[name, version]

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """The version asked for, else the newest; the only model where no name is given. Raises UnknownModel."""
        versions = self._only() if name is None else self._versions(name)
        if version is None:
            return next(iter(versions.values()))
        if version not in versions:
            of = next(iter(versions.values())).name
            raise UnknownModel(f"model {of!r} has no version {version!r}; served: {', '.join(versions)}")
        return versions[version]

    def names(self) -> list[str]:
        """Models that are served."""
        return list(self._of_name)

    def versions(self, name: str) -> list[str]:
        """Versions of a model, newest first. Raises UnknownModel."""
        return list(self._versions(name))

    def models(self) -> list[ServedModel]:
        """All versions of all models, by name, newest first."""
        return [model for versions in self._of_name.values() for model in versions.values()]

    def _only(self) -> dict[str, ServedModel]:
        if len(self._of_name) != 1:
            raise UnknownModel(
                f"several models are served; name one of {', '.join(self._of_name)}" if self.served else _NONE
            )
        (versions,) = self._of_name.values()
        return versions

    def _versions(self, name: str) -> dict[str, ServedModel]:
        if name not in self._of_name:
            hint = did_you_mean(name, self._of_name)
            raise UnknownModel(f"model {name!r} is not served{hint}" if self.served else _NONE)
        return self._of_name[name]


_NONE = "no model is served yet"
