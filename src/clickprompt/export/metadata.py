"""What an exported file says of itself."""

from __future__ import annotations

import json
from typing import Any

import onnx

from clickprompt import __version__
from clickprompt.bundle import MANIFEST, Bundle
from clickprompt.storage import sha256_of

KEY = "clickprompt"


def model_name(bundle: Bundle) -> str:
    """The bundle's folder, or the one around it where the folder is but a version's number."""
    folder = bundle.folder.resolve()
    return folder.parent.name if folder.name.isdigit() else folder.name


def metadata(bundle: Bundle, **more: Any) -> dict[str, Any]:
    """JSON-able: the model, the SHA-256 of the bundle's manifest, the version of this library."""
    return {
        "model": model_name(bundle),
        "bundle_sha256": sha256_of(bundle.folder / MANIFEST),
        "clickprompt_version": __version__,
        **more,
    }


def set_metadata(model: onnx.ModelProto, content: dict[str, Any]) -> None:
    """Put it into an ONNX model's properties, beside what is there, and say who made the file."""
    model.producer_name, model.producer_version = "clickprompt", __version__
    model.metadata_props.add(key=KEY, value=json.dumps(content, ensure_ascii=False))
