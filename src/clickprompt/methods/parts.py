"""What methods are put together of, handed to them by whoever builds or loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from clickprompt.contracts import FieldStatistics
from clickprompt.ctr import CTRModel
from clickprompt.language import LanguageModelConfig

if TYPE_CHECKING:
    from clickprompt.language import MaskedTokenHead, PromptedEncoder, TextToText


class Parts(Protocol):
    """Each call makes a new part: with weights drawn or read where a method is new, empty ones where it is loaded."""

    @property
    def statistics(self) -> FieldStatistics:
        """What is known of the fields."""
        ...

    @property
    def language(self) -> LanguageModelConfig:
        """Settings of the language model."""
        ...

    def ctr(self) -> CTRModel:
        """An ID model."""
        ...

    def encoder(self) -> PromptedEncoder:
        """A pretrained encoder."""
        ...

    def text_to_text(self) -> TextToText:
        """A text-to-text model that answers yes or no."""
        ...

    def masked_token_head(self) -> MaskedTokenHead:
        """The masked-token head that belongs to the encoder made last; for pretraining only."""
        ...
