"""P5: a text-to-text model is asked whether the user will like the item (Geng et al., RecSys'22)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field as Setting
from torch import nn

from clickprompt.contracts import ClickBatch, ModelOutput, Reads
from clickprompt.language import QUESTION, FullTuning, LanguageModelConfig, Tuning
from clickprompt.methods.method import Method, MethodConfig
from clickprompt.methods.parts import Parts
from clickprompt.methods.words import words_of

if TYPE_CHECKING:
    from clickprompt.language import TextToText


class P5Config(MethodConfig):
    """P5: a text-to-text model (T5) is asked whether the user will like the item; no ID model.

    `language_model.name` is a T5; `pooling` is not read. The sentence, the question included, has `max_length` tokens.
    """

    reads: ClassVar[Reads] = "sentence"
    has_ctr_model: ClassVar[bool] = False

    kind: Literal["p5"] = "p5"
    question: str = Setting(default=QUESTION, pattern=r"\S")
    """What stands after each row's sentence; the answer is yes or no."""

    @property
    def asks(self) -> str:
        return self.question

    def check(self, language: LanguageModelConfig) -> None:
        if language.tuning.kind == "frozen":
            raise ValueError("language_model.tuning is frozen, but p5 has nothing else to train; choose full")
        if language.tuning.kind == "lora":
            raise ValueError("language_model.tuning is lora, which p5 does not know; choose full")
        if language.compile:
            raise ValueError("language_model.compile is for encoders, and p5 reads with a T5; leave it out")


class P5(Method):
    """logit = score(yes) − score(no), so that p = softmax over the scores of the two answers = σ(logit).

    The scores are those of the first step of T5's decoder; all of T5 is trained by binary cross entropy, the cross
    entropy of that softmax. (The paper's own loss is the softmax over the whole vocabulary.)
    Shapes: sentences of (batch,) rows → scores (batch, 2) → logits (batch,).
    Source: arXiv 2203.13366, section 3; yes-or-no questions are among its prompts for direct recommendation.
    """

    ctr: None

    def __init__(self, model: TextToText, tuning: Tuning | None = None) -> None:
        super().__init__()
        self.ctr = None
        self.language = model
        self.tuning: Tuning = tuning or FullTuning()

    @classmethod
    def from_parts(cls, config: P5Config, parts: Parts) -> Self:
        return cls(parts.text_to_text(), parts.language.tuning)

    def language_config_json(self) -> dict[str, Any]:
        from clickprompt.language import text_to_text_json

        return text_to_text_json(self.language)

    def forward(self, batch: ClickBatch) -> ModelOutput:
        yes, no = self.language(words_of(batch)).unbind(1)
        return ModelOutput(yes - no)

    def language_parameters(self) -> Iterable[nn.Parameter]:
        return self.language.parameters()

    def frozen_parameters(self) -> Iterable[nn.Parameter]:
        full = self.tuning.kind == "full" and self.tuning.word_embeddings
        return () if full else (self.language.words.weight,)
