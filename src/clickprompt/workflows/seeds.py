"""One seed, many independent streams."""

from __future__ import annotations

import hashlib

import torch


def seed_for(seed: int, purpose: str) -> int:
    """A 31-bit seed for one purpose, so that two parts of a run never share their draws."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:4], "big") >> 1


def seed_torch(seed: int, purpose: str) -> None:
    """Set torch's global generators for one purpose."""
    torch.manual_seed(seed_for(seed, purpose))
