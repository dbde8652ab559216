"""What every method is: logits from a batch, and what its parts are called when they are optimized."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, Hidden, ModelOutput, Reads
from clickprompt.ctr import CTRModel
from clickprompt.ctr.embedding import EmbeddingTable
from clickprompt.language import FullTuning, LanguageModelConfig, PoolingName, Tuning
from clickprompt.settings import Settings

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder
    from clickprompt.methods.parts import Parts

Part = Literal["ctr", "language", "frozen"]


class MethodConfig(Settings):
    """Settings of a method. What is said of the class holds for the model that the settings describe."""

    reads: ClassVar[Reads] = "ids"
    """What its batches must hold."""
    hides: ClassVar[tuple[Hidden, ...]] = ()
    """What its pretraining hides in each row."""
    whole_batches: ClassVar[bool] = False
    """Whether its pretraining compares the rows of a batch with each other, so that all must pass at once."""
    pools: ClassVar[bool] = False
    """Whether its pretraining pools sentences, so that `language_model.pooling` decides what it learns."""
    has_ctr_model: ClassVar[bool] = True
    """Whether there is an ID model in it."""

    kind: str
    """Which method; each subclass sets its own name."""

    @property
    def asks(self) -> str | None:
        """What stands after each sentence, for a text-to-text model to answer; None where encoders read."""
        return None

    def check(self, language: LanguageModelConfig) -> None:
        """Raises ValueError where the method cannot do what these settings of the language model ask for."""

    def teaches(self, ids_alone: bool) -> bool:
        """Whether its pretraining teaches what is then finetuned: the ID model alone, or the method itself."""
        return True


class Method(nn.Module, ABC):
    """A model that scores a batch of rows. It knows nothing of files, devices, optimizers or measures."""

    ctr: CTRModel | None
    """Its ID model; None where it has none."""
    pooling: PoolingName = "mean"
    """How its encoders' states become one vector a sentence."""
    tuning: Tuning = FullTuning()
    """What of its language model is trained."""

    @classmethod
    @abstractmethod
    def from_parts(cls, config: Any, parts: Parts) -> Self:
        """Put the method together: its ID model, its encoder, and layers of its own with weights drawn now."""

    @abstractmethod
    def forward(self, batch: ClickBatch) -> ModelOutput:
        """Logit of each row."""

    def encoders(self) -> tuple[PromptedEncoder, ...]:
        """The encoders that read words; all of one shape."""
        return ()

    def language_config_json(self) -> dict[str, Any]:
        """Shape of its language model, as plain JSON values."""
        from clickprompt.language import encoder_config_json

        return encoder_config_json(self.encoders()[0])

    def language_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters that came pretrained with the LM; they get the LM's learning rate, all others the ID side's."""
        return (parameter for encoder in self.encoders() for parameter in encoder.parameters())

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters that nothing trains, whatever the learning rates."""
        return ()

    def parts(self) -> dict[Part, list[nn.Parameter]]:
        """Parameters by learning rate, each once; `frozen` ones have none."""
        frozen = {id(parameter): parameter for parameter in self.frozen_parameters()}
        language = {id(parameter): parameter for parameter in self.language_parameters() if id(parameter) not in frozen}
        apart = language.keys() | frozen.keys()
        rest = [parameter for parameter in self.parameters() if id(parameter) not in apart]
        return {"ctr": rest, "language": list(language.values()), "frozen": list(frozen.values())}

    def embedding_tables(self) -> list[EmbeddingTable]:
        """Tables that an optimizer may train row by row."""
        return [module for module in self.modules() if isinstance(module, EmbeddingTable)]

    def click_loss(self, batch: ClickBatch) -> Tensor:
        """Binary cross entropy of the labels, weighted, summed over the batch: a scalar."""
        logits = self(batch).logits
        return F.binary_cross_entropy_with_logits(in_full(logits), batch.labels, batch.weights, reduction="sum")

    @staticmethod
    def click_amount(batch: ClickBatch) -> float:
        """What `click_loss` is divided by: the batch's summed sample weights."""
        return float(len(batch)) if batch.weights is None else float(batch.weights.sum())


def in_full(logits: Tensor) -> Tensor:
    """Logits for a loss: float32 where they came in half precision, else as they are."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


class Pretrainable(ABC):
    """A method that also learns without labels."""

    def add_pretraining_heads(self, parts: Parts) -> None:  # noqa: B027
        """Add what pretraining alone needs, such as the masked-token head of the encoder made last."""

    @abstractmethod
    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """Loss summed over what had to be recovered: a scalar. Never reads labels."""

    @abstractmethod
    def pretraining_amount(self, batch: ClickBatch) -> float:
        """What `pretraining_loss` is divided by."""
