"""Hashed fields: texts find an embedding row without any vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import mmh3
import numpy as np


def hash_of(text: str, rows: int) -> int:
    """MurmurHash3 (x86, 32 bit, seed 0, unsigned) of a text's UTF-8 bytes, modulo `rows`.

    ONNX Runtime's operator MurmurHash3 with `positive: 1` computes the same hash. Source: Appleby, SMHasher.
    """
    return mmh3.hash(text.encode(), 0, False) % rows  # mmh3 crashes on a str with half a surrogate pair


def hashes(texts: Sequence[str], rows: int) -> np.ndarray:
    """int32: `hash_of` each text."""
    return np.fromiter((hash_of(text, rows) for text in texts), np.int32, len(texts))


def hash_names(rows: int) -> list[str]:
    """A name for each row."""
    return [f"hash {row}" for row in range(rows)]
