"""Arrow arrays from and to NumPy by their buffers, for Arrow's own way imports pandas where it is installed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickprompt.table.members import Members, offsets_of


def arrow_numbers(values: np.ndarray) -> pa.Array:
    """An Arrow array of numbers."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def arrow_texts(texts: Sequence[str]) -> pa.Array:
    """An Arrow array of texts."""
    encoded = [text.encode() for text in texts]
    offsets = offsets_of(np.fromiter(map(len, encoded), np.int64, len(encoded)))
    return pa.Array.from_buffers(
        pa.large_string(), len(texts), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    )


def arrow_lists(texts: Sequence[str], lists: Members) -> pa.Array:
    """An Arrow array of lists of texts; `lists` hold places in `texts`."""
    items = arrow_texts(texts).take(arrow_numbers(lists.rows))
    return pa.LargeListArray.from_arrays(arrow_numbers(lists.offsets), items)


def joined_lists(texts: Sequence[str], lists: Members, between: str = ", ") -> pa.Array:
    """An Arrow array of each list's texts, joined."""
    return pc.binary_join(arrow_lists(texts, lists), arrow_texts([between])[0])


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A table's column as one array: where it lies in one piece, that piece, for Arrow's own way copies it."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def numbers(array: pa.Array) -> np.ndarray:
    """NumPy's view of an Arrow array of numbers, none of them null."""
    return np.from_dlpack(array) if len(array) else np.empty(0, dtype=array.type.to_pandas_dtype())


def list_lengths(array: pa.Array) -> np.ndarray:
    """int64: items of each list of an Arrow array; none where it is null."""
    lengths = pc.list_value_length(array)
    return numbers(pc.fill_null(lengths, 0) if lengths.null_count else lengths).astype(np.int64)
