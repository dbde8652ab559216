"""Contrast: vectors of two kinds, of the same rows, told from those of the other rows of the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from clickprompt.methods.method import in_full


def contrast(first: Tensor, second: Tensor, temperature: float, sub_spaces: int = 1) -> Tensor:
    """InfoNCE in both directions, halved and summed over rows: a scalar.

    L = −½ Σ_i [log softmax_j(s(a_i, b_j)/τ)_i + log softmax_j(s(b_i, a_j)/τ)_i], rows of `first` being a and of
    `second` b, both (batch, width). Each vector is cut into M parts of equal width and unit length, a = a^1 ⊕ … ⊕ a^M,
    and s(a, b) = Σ_m max_n ⟨a^m, b^n⟩: each part of the one finds its best match among the other's. With M = 1 this is
    the cosine. Source: CTRL (arXiv 2306.02841), cross-modal and fine-grained alignment.
    """
    whole = (sub_spaces, first.shape[1] // sub_spaces)
    a = F.normalize(first.unflatten(1, whole), dim=-1)
    b = F.normalize(second.unflatten(1, whole), dim=-1)
    matches = in_full(torch.einsum("imd,jnd->ijmn", a, b))
    forth = matches.amax(dim=3).sum(dim=2) / temperature
    back = matches.amax(dim=2).sum(dim=2).T / temperature
    own = torch.arange(len(first), device=first.device)
    return (F.cross_entropy(forth, own, reduction="sum") + F.cross_entropy(back, own, reduction="sum")) / 2
