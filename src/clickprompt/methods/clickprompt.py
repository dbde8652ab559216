"""ClickPrompt: an ID model writes soft prompts into a language model (Lin et al., WWW'24)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import Tensor, nn

from clickprompt.contracts import ClickBatch, Hidden
from clickprompt.ctr import CTRModel
from clickprompt.language import PoolingName, Tuning
from clickprompt.methods.blend import Blended, BlendedConfig
from clickprompt.methods.method import Pretrainable
from clickprompt.methods.prompts import PromptConfig, PromptGenerator
from clickprompt.methods.words import masked_word_amount, masked_word_loss

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


class ClickPromptConfig(BlendedConfig):
    """ClickPrompt: the ID model writes soft prompts into every layer of a language model."""

    hides: ClassVar[tuple[Hidden, ...]] = ("words",)

    kind: Literal["clickprompt"] = "clickprompt"
    prompt: PromptConfig | None = PromptConfig()
    """How the ID model's q becomes prompts; null: there are none, an ablation."""

    def teaches(self, ids_alone: bool) -> bool:
        return self.prompt is not None or not ids_alone


class ClickPrompt(Blended, Pretrainable):
    """logit = α·ctr_head(q) + (1 − α)·lm_head(pool(h)), h the LM's states of the sentence under prompts g(q).

    Pretrained by PA-MLM: the LM, seeing words and prompts, recovers masked word pieces, and through the prompts teaches
    the ID model what the words mean. Without prompts (an ablation) that is plain masked language modelling, which never
    reaches the ID model and leaves it as it was drawn. Source: arXiv 2310.09234, sections 3.2 to 3.5 and 4.4.
    """

    def __init__(
        self,
        config: ClickPromptConfig,
        ctr: CTRModel,
        encoder: PromptedEncoder,
        pooling: PoolingName,
        tuning: Tuning | None = None,
    ) -> None:
        prompts = None
        if config.prompt is not None:
            prompts = PromptGenerator(config.prompt, ctr.representation_dim, encoder.num_layers, encoder.hidden_size)
        super().__init__(config, ctr, encoder, pooling, tuning, prompts)

    def pretraining_loss(self, batch: ClickBatch) -> Tensor:
        """PA-MLM: cross entropy of the chosen word pieces, summed. Section 3.4."""
        prompts = None
        if self.prompts is not None:
            prompts = self.prompts(self.ctr.representation(batch.feature_ids, batch.lists))
        return masked_word_loss(self.language, self.masked_token_head, batch, prompts)

    def pretraining_amount(self, batch: ClickBatch) -> float:
        return masked_word_amount(batch)

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        yield from super().frozen_parameters()
        pretraining = self.masked_token_head is not None
        if pretraining and self.prompts is None:  # else its idle rows would decay
            yield from self.ctr.parameters()
