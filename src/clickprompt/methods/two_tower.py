"""Methods that read users and items apart, so that a distinct sentence is read once for all rows that hold it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from clickprompt.contracts import TokenBatch


class TwoTower(ABC):
    """logit = join(encode(user), encode(item)): rows meet in `join` alone, and what was encoded serves any of them."""

    @abstractmethod
    def encode(self, side: int, tokens: TokenBatch) -> Tensor:
        """Vectors of one side's sentences, (sentences, d); side 0 is the user's, 1 the item's."""

    @abstractmethod
    def join(self, users: Tensor, items: Tensor) -> Tensor:
        """Logit (rows,) of each row's two vectors, (rows, d) both."""
