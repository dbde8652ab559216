"""What a prepared folder was made from: a file beside it, so that equal data make equal folders wherever they lay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clickprompt.secrets import masked, masked_values
from clickprompt.settings import ClickPromptError
from clickprompt.storage import fingerprint, write_file
from clickprompt.table.config import DataConfig
from clickprompt.table.prepared import FORMAT_VERSION, KIND, MANIFEST, PreparedTable


def recorded(folder: Path) -> PreparedTable | None:
    """The folder as it stands; None where there is none, or one of another format version, to be written anew."""
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise ClickPromptError(f"{folder}: this is a file; a folder to prepare was expected")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        manifest = None
    if isinstance(manifest, dict) and manifest.get("kind") == KIND and manifest.get("format_version") != FORMAT_VERSION:
        return None
    if not (folder / MANIFEST).exists():
        if any(folder.iterdir()):
            raise ClickPromptError(f"{folder}: holds something else than prepared data; choose another folder")
        return None
    return PreparedTable.open(folder)


def inputs_fingerprint(config: DataConfig) -> str:
    """Changes when a setting of the data, the content of an input file or the format of prepared folders does.

    Where the files lie does not count; their endings do, for they may say how a file is read.
    Raises InputsNotFound where one is not on this machine.
    """
    files = [[file.part, file.path.suffix, file.fingerprint()] for file in config.source.inputs()]
    return fingerprint({"settings": settings_of(config), "files": files, "format_version": FORMAT_VERSION})


def settings_of(config: DataConfig) -> dict[str, Any]:
    """What decides the content of a prepared folder, apart from the files."""
    settings = config.model_dump(mode="json", exclude={"source": set(config.source.path_settings)})
    if config.on_bad_row == "error":  # these decide nothing then
        del settings["on_bad_row"], settings["max_bad_share"]
    return masked_values(settings)


def has_settings(prepared: PreparedTable, config: DataConfig) -> bool:
    """Whether a folder was made by these settings, those that its version did not know at their defaults.

    And of files at these places, as far as the file beside the folder still tells.
    """
    if _made_of(prepared).get("places", _places(config)) != _places(config):
        return False
    places = {name: getattr(config.source, name) for name in config.source.path_settings}
    made_by = prepared.manifest["settings"]
    try:
        known = DataConfig.model_validate({**made_by, "source": {**made_by["source"], **places}})
    except ValidationError:
        return False
    return settings_of(known) == settings_of(config)


def write_inputs(folder: Path, prepared: str, config: DataConfig, wanted: str) -> None:
    """Write `<folder>.inputs.json`: the files that a folder, whose fingerprint is `prepared`, was made from."""
    content = {
        "prepared": prepared,
        "inputs_fingerprint": wanted,
        "places": _places(config),
        "inputs": [masked(file.name) for file in config.source.inputs()],
    }
    write_file(inputs_file(folder), json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def made_from(prepared: PreparedTable) -> str | None:
    """`inputs_fingerprint` of what a folder was made from; None where nothing tells."""
    return _made_of(prepared).get("inputs_fingerprint")


def _made_of(prepared: PreparedTable) -> dict[str, Any]:
    """The content of the file beside a folder; nothing where it is not there, or tells of another content."""
    try:
        content = json.loads(inputs_file(prepared.folder).read_bytes())
    except (OSError, ValueError):
        return {}
    same = isinstance(content, dict) and content.get("prepared") == prepared.fingerprint
    return content if same else {}


def _places(config: DataConfig) -> dict[str, Any]:
    """Where the files lie, as the settings say."""
    places = config.model_dump(mode="json", include={"source": set(config.source.path_settings)})
    return dict(masked_values(places["source"]))


def inputs_file(folder: Path) -> Path:
    """The file that lies beside a prepared folder."""
    return folder.parent / f"{folder.name}.inputs.json"
