"""Hashed fields: texts find an embedding row without any vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import mmh3
import numpy as np


def hashes(texts: Sequence[str], rows: int) -> np.ndarray:
    """int32: MurmurHash3 (x86, 32 bit, seed 0, unsigned) of each text's UTF-8 bytes, modulo `rows`.

    ONNX Runtime's operator MurmurHash3 with `positive: 1` computes the same hash. Source: Appleby, SMHasher.
    """
    return (np.fromiter((mmh3.hash(text, 0, signed=False) for text in texts), np.int64, len(texts)) % rows).astype(
        np.int32
    )


def hash_names(rows: int) -> list[str]:
    """A name for each row."""
    return [f"hash {row}" for row in range(rows)]
