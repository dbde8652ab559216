"""ONNX files with a large table, written without a second copy of it in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import onnx

from clickprompt.export.whole_files import data_beside
from clickprompt.settings import ClickPromptError

PAGE = 4096
"""Weights beside a file begin at multiples of it, so that they can be mapped into memory."""
_MOST_IN_FILE = 2**31 - 1
"""Bytes that Protocol Buffers, and so an ONNX file without weights beside it, can hold."""
_WORTH_MOVING = 1024
"""Bytes from which an initializer goes beside the file with the tables."""

# Field numbers and wire type of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data
_GRAPH, _INITIALIZER, _RAW_DATA = (number << 3 | 2 for number in (7, 5, 9))


def write_onnx(
    path: Path, model: onnx.ModelProto, tables: dict[str, np.ndarray], *, external_data: bool = False
) -> None:
    """Write a model whose graph lacks the initializers `tables`, with them, to `path`.

    With `external_data` weights lie beside it in `<name>.data`, aligned so that ONNX Runtime maps them. Same model and
    tables, same bytes. Raises ClickPromptError for more than 2 GB in one file.
    """
    if external_data:
        _write_beside(path, model, tables)
        return
    size = model.ByteSize() + sum(table.nbytes for table in tables.values())
    if size > _MOST_IN_FILE - PAGE:
        raise ClickPromptError(f"{path}: {size / 1e9:.1f} GB do not fit into one ONNX file; add --external-data")
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    rest.ClearField("graph")
    graph = model.graph.SerializeToString(deterministic=True)
    headers = [_header(name, table) for name, table in tables.items()]
    length = len(graph) + sum(len(head) + table.nbytes for head, table in zip(headers, tables.values(), strict=True))
    with path.open("wb") as file:
        file.write(rest.SerializeToString(deterministic=True))
        file.write(_key(_GRAPH, length))
        file.write(graph)
        for head, table in zip(headers, tables.values(), strict=True):
            file.write(head)
            file.write(np.ascontiguousarray(table).data.cast("B"))


def _write_beside(path: Path, model: onnx.ModelProto, tables: dict[str, np.ndarray]) -> None:
    moved = onnx.ModelProto()
    moved.CopyFrom(model)
    data = data_beside(path)
    with data.open("wb") as file:
        for name, table in tables.items():
            tensor = _tensor(name, table)
            _place(tensor, np.ascontiguousarray(table).data.cast("B"), file, data.name)
            moved.graph.initializer.append(tensor)
        for tensor in _inline(moved):
            _place(tensor, tensor.raw_data, file, data.name)
    path.write_bytes(moved.SerializeToString(deterministic=True))


def _inline(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) >= _WORTH_MOVING:
            yield tensor


def _place(tensor: onnx.TensorProto, content: bytes | memoryview, file: IO[bytes], name: str) -> None:
    file.seek(-(-file.tell() // PAGE) * PAGE)
    offset = file.tell()
    file.write(content)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", name), ("offset", str(offset)), ("length", str(len(content)))):
        tensor.external_data.add(key=key, value=value)


def _tensor(name: str, table: np.ndarray) -> onnx.TensorProto:
    return onnx.TensorProto(name=name, dims=table.shape, data_type=onnx.helper.np_dtype_to_tensor_dtype(table.dtype))


def _header(name: str, table: np.ndarray) -> bytes:
    """What stands before the table's own bytes where it is an initializer of the graph."""
    tensor = _tensor(name, table).SerializeToString(deterministic=True) + _key(_RAW_DATA, table.nbytes)
    return _key(_INITIALIZER, len(tensor) + table.nbytes) + tensor


def _key(field: int, length: int) -> bytes:
    """A length-delimited field's key and length, seven bits a byte."""
    parts = [field]
    while length > 127:
        parts.append(length & 127 | 128)
        length >>= 7
    return bytes([*parts, length])
