"""How the process keeps memory between steps."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST, _LARGEST_OF_OLD = 2**31 - 1, 32 << 20


@cache
def reuse_freed_memory() -> None:
    """Let glibc keep what is freed for the next step instead of handing it back to the kernel; once a process.

    Else every large tensor of every step is mapped anew, page by page, each page cleared (docs/performance.md). The
    process may keep its peak for as long as it lives. Nothing where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if not (hasattr(libc, "mallopt") and hasattr(libc, "gnu_get_libc_version")):
        return
    # Older versions refuse more than 32 MB; after a refusal the other settings would do harm.
    if any(libc.mallopt(_M_MMAP_THRESHOLD, size) for size in (_LARGEST, _LARGEST_OF_OLD)):
        libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST)
        libc.mallopt(_M_TOP_PAD, 64 << 20)
