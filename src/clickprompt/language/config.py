"""What the reader of words is, and how much it reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting
from pydantic import PositiveInt

from clickprompt.settings import Settings

PoolingName = Literal["cls", "mean", "mean_first_last", "mean_last_two"]


class LanguageModelConfig(Settings):
    """A pretrained bidirectional encoder."""

    name: str = "minilm"
    """`minilm`, a folder with a checkpoint, or a model's name on the Hugging Face Hub."""
    revision: str | None = None
    """Commit, tag or branch of a model on the Hub."""
    layers: PositiveInt | None = None
    """Keep only the first layers, so many; all where not given."""
    max_length: PositiveInt = 128
    """Tokens of a sentence, special ones included; longer sentences lose tokens from their longest values."""
    max_value_tokens: PositiveInt = 32
    """Tokens of one value; longer values lose their last ones."""
    pooling: PoolingName = "mean"
    """How token states become one vector: first token, mean over real tokens of the last states, of embeddings and last
    states, or of the last two layers' states."""
    dropout: float | None = Setting(default=None, ge=0, lt=1)
    """Share of units dropped in training, everywhere in the encoder; the checkpoint's own where not given."""
    permute_values: int | None = None
    """Seed. Every value carries the words of another value of its field: a control in which words mean nothing."""
