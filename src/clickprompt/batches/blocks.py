"""Row numbers of an epoch over rows that lie shuffled on disk, read ahead of their use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

import numpy as np

from clickprompt.batches.block_order import BlockOrder
from clickprompt.batches.read_ahead import ReadAhead
from clickprompt.batches.reader import SplitReader


def rows_by_block(reader: SplitReader, seed: int, epoch: int, first: int) -> Iterator[np.ndarray]:
    """Row numbers from the epoch's `first` on, a piece of a window at a time; windows that lie before are not read.

    While a window's rows are given out the next one's blocks are read, one a piece.
    """
    order = BlockOrder.of_width(len(reader), reader.row_bytes)
    windows = [window for window in order.windows(seed, epoch) if window.first + window.size > first]
    arrays = [reader.value_ids, reader.labels, *([] if reader.weights is None else [reader.weights])]
    with ReadAhead(arrays) as ahead:
        for span in order.spans(windows[0].blocks) if windows else []:
            ahead.ask(*span)
        for window, following in zip_longest(windows, windows[1:]):
            later = [] if following is None else order.spans(following.blocks)
            rows = order.rows_of(window, seed, epoch)[max(0, first - window.first) :]
            for piece, span in zip_longest(np.array_split(rows, max(1, len(later))), later):
                if span is not None:
                    ahead.ask(*span)
                yield piece
            for span in order.spans(window.blocks):
                ahead.release(*span)


def recut(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same numbers in pieces of `size`, the last of which may be shorter."""
    rest = np.zeros(0, np.int64)
    for piece in pieces:
        if len(rest):
            missing = size - len(rest)
            rest, piece = np.concatenate([rest, piece[:missing]]), piece[missing:]
            if len(rest) < size:
                continue
            yield rest
        whole = len(piece) // size * size
        for start in range(0, whole, size):
            yield piece[start : start + size]
        rest = piece[whole:]
    if len(rest):
        yield rest
