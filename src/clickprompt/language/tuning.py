"""Which of a language model's parameters training leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from torch import nn

from clickprompt.language.config import Tuning

if TYPE_CHECKING:
    from clickprompt.language.encoder import PromptedEncoder


def untrained(tuning: Tuning, encoder: PromptedEncoder, pretrained: Iterable[nn.Parameter]) -> Iterator[nn.Parameter]:
    """Those of `pretrained`, a language model's parameters, that stay as they are whatever the learning rate."""
    adapters = {id(parameter) for parameter in adapters_of(encoder)}
    words = encoder.model.get_input_embeddings().weight  # type: ignore[operator, union-attr]
    for parameter in pretrained:
        if parameter is words:
            trained = tuning.kind != "frozen" and tuning.word_embeddings
        else:
            trained = tuning.kind == "full" or id(parameter) in adapters
        if not trained:
            yield parameter


def adapters_of(encoder: PromptedEncoder) -> list[nn.Parameter]:
    """LoRA's A and B of every layer; none outside of `adapted`."""
    return [parameter for name, parameter in encoder.named_parameters() if ".lora_" in name]
