"""How fast this machine multiplies large square matrices, the limit that shares are taken of. Prints a line of JSON."""

from __future__ import annotations

import argparse
import json
import time
from statistics import median

import torch
import transformers


def matrix_rate(device: str, dtype: torch.dtype, size: int, repeats: int = 5) -> float:
    """Operations a second, 2 · size³ a product; the median of some, after one that is not counted."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / median(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    size = 8192 if device == "cuda" else 2048 if options.quick else 4096
    record = {
        "device": device,
        "processor": torch.cuda.get_device_name() if device == "cuda" else torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "size": size,
        "float32": matrix_rate(device, torch.float32, size),
        "bfloat16": matrix_rate(device, torch.bfloat16, size) if device == "cuda" else None,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
