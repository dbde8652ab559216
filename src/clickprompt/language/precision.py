"""Where bfloat16 is faster than float32."""

from __future__ import annotations

import torch


def bf16_pays(device: torch.device | str) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware: most CUDA cards; CPUs with AVX512-BF16 or AMX."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False
