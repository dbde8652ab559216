"""Bundles with random weights, written without any training."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from clickprompt.bundle import save_bundle
from clickprompt.calibration import PlattCalibrator
from clickprompt.contracts import Field, FieldSide, TableSchema
from clickprompt.ctr import CTRModelConfig, build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.methods import IDOnly, IDOnlyConfig
from clickprompt.table import DataConfig, Vocabulary, prepare_table
from clickprompt.table.buckets import Buckets
from clickprompt.table.hashing import hash_names
from clickprompt.table.vocabulary import field_statistics
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks
from clickprompt.workflows import SilentProgress

_SIDES: tuple[FieldSide, ...] = ("user", "item", "context")


def write_tiny_bundle(folder: Path, data: Mapping[str, Any] | None = None, seed: int = 0) -> Path:
    """Write an untrained `id-only` bundle (DCNv2, Platt's calibrator) over a table and return its folder.

    `data` is the `data` section of a recipe; unset, that of the tiny click log.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        if data is None:
            write_tiny_clicks(place)
            data = tiny_data_config(place)
        vocabulary = prepare_table(DataConfig.model_validate(data), place / "prepared", SilentProgress()).vocabulary()
        config = DCNv2Config(embedding_dim=4, embedding_std=0.5, cross_layers=1, hidden_sizes=(8,))
        _write(folder, vocabulary, config, seed)
    return folder


def write_large_bundle(
    folder: Path,
    values: int = 4_570_000,
    fields: int = 15,
    embedding_dim: int = 16,
    *,
    numeric: int = 0,
    hashed: int = 0,
    seed: int = 0,
) -> Path:
    """Write an untrained `id-only` bundle (DCNv2 of 3 layers) over a `large_vocabulary` and return its folder."""
    config = DCNv2Config(embedding_dim=embedding_dim, embedding_std=0.1, cross_layers=3, hidden_sizes=(256,) * 3)
    _write(folder, large_vocabulary(values, fields, numeric=numeric, hashed=hashed), config, seed)
    return folder


def large_vocabulary(values: int = 4_570_000, fields: int = 15, *, numeric: int = 0, hashed: int = 0) -> Vocabulary:
    """A vocabulary with so many embedding rows, made without a Python object a value.

    Fields are `field_00`, `field_01`, …, of the user, the item and the context, a third each. The last `numeric` ones
    have 22 rows each (21 buckets of the numbers 0 to 100, and missing values); the others share the rest as 1, 1/2,
    1/3, …, the last `hashed` of them by hash. Value k of field 3 is the text `v03-0000000k`, distinct; its count falls
    as 1/(k + 1).
    """
    edges = np.linspace(0, 100, 20)
    names, by_text = Buckets.texts(edges), fields - numeric - hashed
    share = 1 / np.arange(1, fields - numeric + 1)
    sizes = np.maximum(1, (values - numeric * len(names)) * share / share.sum()).astype(np.int64)
    sizes = np.concatenate([sizes, np.full(numeric, len(names))])
    sizes[0] += values - sizes.sum()
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    schema = TableSchema(
        fields=tuple(
            Field(
                name=f"field_{place:02}",
                kind="numeric" if place >= fields - numeric else "categorical",
                side=_SIDES[3 * place // fields],
                hash_rows=int(sizes[place]) if by_text <= place < fields - numeric else None,
            )
            for place in range(fields)
        )
    )
    texts = [_texts(place, int(size)) for place, size in enumerate(sizes[:by_text])]
    texts += [pa.array(hash_names(int(size)), pa.large_string()) for size in sizes[by_text : fields - numeric]]
    texts += [pa.array(names, pa.large_string())] * numeric
    counts = np.concatenate([np.maximum(1, values // np.arange(1, size + 1)) for size in sizes])
    buckets = {
        field.name: Buckets(edges, np.arange(offsets[place], offsets[place + 1], dtype=np.int32))
        for place, field in enumerate(schema.fields)
        if field.kind == "numeric"
    }
    return Vocabulary(schema, pa.concat_arrays(texts), field_statistics(schema, offsets, counts), buckets)


def _texts(place: int, count: int) -> pa.Array:
    """`v03-00000000`, `v03-00000001`, … as one Arrow array, without a Python object each."""
    start = f"v{place:02}-".encode()
    letters = np.empty((count, len(start) + 8), np.uint8)
    letters[:, : len(start)] = np.frombuffer(start, np.uint8)
    rest = np.arange(count)
    for column in range(letters.shape[1] - 1, len(start) - 1, -1):
        letters[:, column] = ord("0") + rest % 10
        rest //= 10
    ends = np.arange(count + 1, dtype=np.int64) * letters.shape[1]
    return pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(ends), pa.py_buffer(letters)])


def _write(folder: Path, vocabulary: Vocabulary, config: CTRModelConfig, seed: int) -> None:
    of = vocabulary.statistics
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_ctr_model(config, of.num_fields, of.num_embeddings, of.pooling)
    save_bundle(
        folder,
        IDOnly(model),
        method_config=IDOnlyConfig(),
        ctr_config=config,
        vocabulary=vocabulary,
        calibrator=PlattCalibrator(slope=0.8, intercept=-0.3),
        provenance={"model": "id-only", "seed": seed},
    )
