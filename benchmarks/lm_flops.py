"""Multiplications and additions that PA-MLM, tuning and scoring take, by formula. Standard library only.

Forward, in multiply-adds, for a sentence of Z tokens of which A are wanted in the last layer, under K prompts a layer;
L layers of width d and inner width m, V words, R numbers in the matrices of ID model, projections and heads:

    keys and values    L · Z · 2d²
    queries, output
    and feed-forward   ((L − 1) · Z + A) · (2d² + 2dm)
    attention          ((L − 1) · Z + A) · (Z + K) · 2d
    masked-token head  A · (d² + dV), in pretraining
    once a row         R

A is 0.15 · (Z − 2) in pretraining, 1 under `cls` pooling, else Z. A multiply-add counts as two operations. Training
takes three times the forward pass; with the language model frozen its matrices take twice, for they get no gradient of
their own, and the first layer's query, key and value once, for nothing below learns; nor do its queries need a gradient
in attention, only its keys and values, for the prompts stand among them. Element-wise work counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MASK_RATE = 0.15
SPECIAL = 2
"""Tokens of a sentence that are never chosen."""


@dataclass(frozen=True)
class Sizes:
    """What the formula needs of a model."""

    layers: int
    width: int
    inner: int
    words: int
    prompts: int
    row_weights: int

    @classmethod
    def of(cls, notes: Mapping[str, Any]) -> Sizes:
        """From what `lm_cases.py` noted."""
        return cls(**notes)


def row_flops(sizes: Sizes, task: str, pooling: str, lengths: Mapping[str, int], *, everywhere: bool = False) -> float:
    """Operations a row, on average over sentences of these lengths (length → how many).

    `everywhere`: as the recipe does it, with last states and masked-token head at all tokens.
    """
    rows = sum(lengths.values())
    return sum(count * _of_sentence(sizes, task, pooling, int(z), everywhere) for z, count in lengths.items()) / rows


def _of_sentence(sizes: Sizes, task: str, pooling: str, tokens: int, everywhere: bool) -> float:
    d, m = sizes.width, sizes.inner
    wanted: float = tokens
    if not everywhere and task == "pretrain":
        wanted = MASK_RATE * (tokens - SPECIAL)
    elif not everywhere and pooling == "cls":
        wanted = 1
    asking = (sizes.layers - 1) * tokens + wanted
    matrices = sizes.layers * tokens * 2 * d * d + asking * (2 * d * d + 2 * d * m)
    attention = asking * (tokens + sizes.prompts) * 2 * d
    if task == "pretrain":
        matrices += wanted * (d * d + d * sizes.words)
    if task == "score":
        adds = matrices + attention + sizes.row_weights
    elif task == "tune-frozen":
        first = tokens * 3 * d * d + tokens * (tokens + sizes.prompts) * d
        adds = 2 * matrices + 3 * (attention + sizes.row_weights) - first
    else:
        adds = 3 * (matrices + attention + sizes.row_weights)
    return 2 * adds
