"""MurmurHash3, against published vectors and the algorithm written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickprompt.table.hashing import hash_names, hashes


def murmur3(data: bytes) -> int:
    """MurmurHash3_x86_32 with seed 0, from Appleby's description."""

    def scrambled(k: int) -> int:
        k = k * 0xCC9E2D51 & 0xFFFFFFFF
        return (k << 15 | k >> 17) * 0x1B873593 & 0xFFFFFFFF

    h, whole = 0, len(data) // 4 * 4
    for start in range(0, whole, 4):
        h ^= scrambled(int.from_bytes(data[start : start + 4], "little"))
        h = ((h << 13 | h >> 19) & 0xFFFFFFFF) * 5 + 0xE6546B64 & 0xFFFFFFFF
    h ^= scrambled(int.from_bytes(data[whole:], "little")) ^ len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("foo", 0xF6A5C420),
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_published_vectors(text, expected):
    assert murmur3(text.encode()) == expected
    for rows in (1, 7, 2**20, 2**31 - 1):
        assert hashes([text], rows).tolist() == [expected % rows]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(1, 2**31 - 1))
def test_any_text_finds_its_row(texts, rows):
    found = hashes(texts, rows)
    assert found.dtype == np.int32
    assert found.tolist() == [murmur3(text.encode()) % rows for text in texts]


def test_rows_fill_evenly():
    counts = np.bincount(hashes([f"user {i}" for i in range(20_000)], 100), minlength=100)
    assert counts.min() > 140
    assert counts.max() < 260
    assert hash_names(3) == ["hash 0", "hash 1", "hash 2"]
