"""What the reader of words is, and how much it reads."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field as Setting
from pydantic import PositiveInt, field_validator

from clickprompt.settings import Settings

QUESTION = "Will the user like the item? Answer yes or no."
"""What a text-to-text model is asked unless a recipe asks another question."""

PoolingName = Literal["cls", "mean", "mean_first_last", "mean_last_two"]


class FullTuning(Settings):
    """Every weight is trained."""

    default_learning_rate: ClassVar[float] = 5e-5

    kind: Literal["full"] = "full"
    word_embeddings: bool = True
    """Whether word embeddings are trained too. They are the masked-token head's last matrix as well, so it stays with
    them."""


class FrozenTuning(Settings):
    """No weight is trained: gradients go through the language model to the prompts, and leave it as it is."""

    default_learning_rate: ClassVar[float] = 0.0

    kind: Literal["frozen"] = "frozen"


class LoRATuning(Settings):
    """Two small matrices beside each linear layer's own are trained in its place; needs the package peft.

    W + (alpha/rank)·B·A: every linear layer of every Transformer layer keeps its matrix W (out, in) and learns
    A (rank, in) and B (out, rank), B from zero. What is saved is the sum.

    Source: Hu et al., LoRA, ICLR'22 (arXiv 2106.09685), section 4.1; there for the attention alone.
    """

    default_learning_rate: ClassVar[float] = 3e-4

    kind: Literal["lora"] = "lora"
    rank: PositiveInt = 8
    """Rank of what is added to each matrix."""
    alpha: float = Setting(default=16.0, gt=0)
    """What is added is multiplied by alpha/rank."""
    dropout: float = Setting(default=0.0, ge=0, lt=1)
    """Share of units dropped in training before A."""
    word_embeddings: bool = False
    """Whether word embeddings, and with them the masked-token head's last matrix, are trained whole."""


Tuning = FullTuning | FrozenTuning | LoRATuning
"""What of a language model is trained."""

TUNINGS = {"full": FullTuning, "frozen": FrozenTuning, "lora": LoRATuning}
"""Config class of each tuning by its `kind`."""


class LanguageModelConfig(Settings):
    """A pretrained bidirectional encoder."""

    of_training: ClassVar[frozenset[str]] = frozenset({"tuning", "activation_checkpointing", "compile"})
    """Settings that training alone reads: given its weights, they decide no score."""

    name: str = "minilm"
    """`minilm`, a folder with a checkpoint, or a model's name on the Hugging Face Hub."""
    revision: str | None = None
    """Commit, tag or branch of a model on the Hub."""
    layers: PositiveInt | None = None
    """Keep only the first layers, so many; all where not given. Of a T5: of its encoder and of its decoder each."""
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
    tuning: Annotated[Tuning, Setting(discriminator="kind")] = FullTuning()
    """What pretraining and finetuning change: `full`, `frozen` or `lora`, a word alone or a kind with settings."""
    activation_checkpointing: bool = False
    """Keep of each layer only what enters it and compute the rest again for the gradient: the same numbers from less
    memory, in more time."""
    compile: bool = False
    """Compile what each layer does token by token (torch.compile) before training: up to a minute first, and on CPUs a
    C++ compiler. Meant for GPUs; on CPUs no gain was measured."""

    @field_validator("tuning", mode="before")
    @classmethod
    def _a_word_is_a_kind(cls, tuning: Any) -> Any:
        return {"kind": tuning} if isinstance(tuning, str) else tuning
