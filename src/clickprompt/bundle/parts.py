"""What a bundle's method is put together of before its weights are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from clickprompt.contracts import FieldStatistics
from clickprompt.ctr import CTRModel, CTRModelConfig, build_ctr_model
from clickprompt.language import LanguageModelConfig

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder, TextToText


class EmptyParts:
    """Parts of the right shapes whose weights are still to be filled in; `folder` holds the LM's config.json."""

    def __init__(
        self,
        folder: Path,
        ctr_config: CTRModelConfig | None,
        language: LanguageModelConfig | None,
        statistics: FieldStatistics,
    ) -> None:
        self.folder = folder
        self.ctr_config = ctr_config
        self.statistics = statistics
        self._language = language

    @property
    def language(self) -> LanguageModelConfig:
        assert self._language is not None
        return self._language

    def ctr(self) -> CTRModel:
        assert self.ctr_config is not None
        of = self.statistics
        return build_ctr_model(self.ctr_config, of.num_fields, of.num_embeddings, of.pooling)

    def encoder(self) -> PromptedEncoder:
        from clickprompt.language import build_encoder

        return build_encoder(json.loads((self.folder / "config.json").read_text()))

    def text_to_text(self) -> TextToText:
        from clickprompt.language import build_text_to_text

        return build_text_to_text(json.loads((self.folder / "config.json").read_text()))

    def masked_token_head(self) -> NoReturn:
        raise ValueError("a bundle holds no masked-token head: that is for pretraining")
