"""A model repository of NVIDIA's Triton Inference Server, for its ONNX Runtime backend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clickprompt.contracts import TableSchema
from clickprompt.export.ids_onnx import FEATURE_IDS, items_name
from clickprompt.export.traced_graph import PROBABILITY
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, new_folder, write_file

_MOST_ROWS = 4096
"""Rows that Triton runs at once, in one request or gathered from several."""
_CONFIG = """\
name: {name}
backend: "onnxruntime"
max_batch_size: {most}
{tensors}
dynamic_batching {{ }}
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
"""


def next_version(repository: Path, name: str, schema: TableSchema, *, ids: bool) -> Path:
    """Folder of the model's next version.

    A config.pbtxt that is there already stays, so that it may be edited; raises ClickPromptError where it describes
    other inputs.
    """
    folder = repository / name
    config = folder / "config.pbtxt"
    with clear_disk_errors(folder):
        versions = [int(path.name) for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
        known = config.read_text(encoding="utf-8") if config.is_file() else None
    if known is not None and _squeezed(_tensors(schema, ids=ids)) not in _squeezed(known):
        raise ClickPromptError(
            f"{config}: describes a model of other inputs or outputs; name another --out, or delete {folder}"
        )
    return folder / str(max(versions, default=0) + 1)


@contextmanager
def new_version(version: Path, config: str) -> Iterator[Path]:
    """Yield where `model.onnx` of a version is to be written; the version appears whole or not at all.

    `config` is the model's config.pbtxt where it has none yet; Triton needs it to load a version, so it comes first.
    """
    with new_folder(version) as new:
        yield new / version_file(version).name
        if not (version.parent / "config.pbtxt").exists():
            write_file(version.parent / "config.pbtxt", config)


def version_file(version: Path) -> Path:
    """The file of a version that Triton opens."""
    return version / "model.onnx"


def config_text(name: str, schema: TableSchema, *, ids: bool) -> str:
    """`config.pbtxt` of a model: batches along the first dimension, several requests in one run, on the CPU."""
    return _CONFIG.format(name=_quoted(name), most=_MOST_ROWS, tensors=_tensors(schema, ids=ids))


def _tensors(schema: TableSchema, *, ids: bool) -> str:
    fields = schema.fields
    if ids:
        inputs = [_tensor(FEATURE_IDS, "INT64", len(fields))]
        inputs += [
            _tensor(items_name(place), "INT64", -1) for place, field in enumerate(fields) if field.kind == "list"
        ]
    else:
        inputs = [
            _tensor(
                field.name,
                "FP64" if field.kind == "numeric" else "STRING",
                -1 if field.kind == "list" and field.separator is None else None,
            )
            for field in fields
            if field.score_as is None
        ]
    listed = ",\n".join(inputs)
    return f"input [\n{listed}\n]\noutput [\n{_tensor(PROBABILITY, 'FP32', None)}\n]"


def _tensor(name: str, kind: str, size: int | None) -> str:
    """One tensor (rows, size), or (rows,): Triton's requests then have (rows, 1), which it reshapes."""
    shape = f"dims: [ {size} ]" if size is not None else "dims: [ 1 ] reshape { shape: [ ] }"
    return f"  {{ name: {_quoted(name)} data_type: TYPE_{kind} {shape} }}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _squeezed(text: str) -> str:
    return "".join(text.split())
