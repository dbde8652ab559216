"""Memory that a process may still take: of the machine, of its control group, of a GPU."""

from __future__ import annotations

from pathlib import Path

import torch


def free_memory(device: torch.device) -> int | None:
    """Bytes; None where the system does not say (not Linux)."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    machine = _machine(Path("/proc/meminfo"))
    group = _group(Path("/sys/fs/cgroup"))
    known = [free for free in (machine, group) if free is not None]
    return min(known) if known else None


def _machine(path: Path) -> int | None:
    """Available memory and free swap, from `/proc/meminfo`."""
    try:
        lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
        return 1024 * sum(int(lines[name].split()[0]) for name in ("MemAvailable", "SwapFree"))
    except (OSError, ValueError, KeyError):
        return None


def _group(folder: Path) -> int | None:
    """What a container's limit (control groups, version 2) leaves; files that are merely cached can make way."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        cached = int(statistics["inactive_file"]) + int(statistics["active_file"])
        used = int((folder / "memory.current").read_text()) - cached
        return max(0, int(limit) - used)
    except (OSError, ValueError, KeyError):
        return None
