"""Untrained bundles of methods that read words, over the tiny tables."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

from clickprompt.bundle import load_bundle, save_bundle
from clickprompt.calibration import Calibrator
from clickprompt.contracts import FieldStatistics
from clickprompt.ctr import CTRModel, build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import (
    LanguageModelConfig,
    LanguageTokenizer,
    asking_tokenizer,
    load_language_model,
    load_text_to_text,
)
from clickprompt.methods import MethodConfig, build_method
from clickprompt.table import Vocabulary
from clickprompt.testing.bundles import write_tiny_bundle

CTR = DCNv2Config(embedding_dim=4, embedding_std=0.5, cross_layers=1, hidden_sizes=(8,))


from_folder = LanguageTokenizer.from_folder_or_name


def of_table(folder: Path, data: dict[str, Any] | None = None) -> Vocabulary:
    return load_bundle(write_tiny_bundle(folder, data)).vocabulary


@cache
def of_clicks() -> Vocabulary:
    with tempfile.TemporaryDirectory() as folder:
        return of_table(Path(folder) / "ids")


class NewParts:
    """New weights, those of the encoder a checkpoint's."""

    def __init__(self, language: LanguageModelConfig, statistics: FieldStatistics) -> None:
        self.language = language
        self.statistics = statistics

    def ctr(self) -> CTRModel:
        of = self.statistics
        return build_ctr_model(CTR, of.num_fields, of.num_embeddings, of.pooling)

    def encoder(self):
        return load_language_model(self.language).encoder

    def text_to_text(self):
        return load_text_to_text(self.language)


def write_language_bundle(
    folder: Path,
    checkpoint: Path,
    method: MethodConfig,
    data: dict[str, Any] | None = None,
    calibrator: Calibrator | None = None,
    **language: Any,
) -> Path:
    """A bundle of this method; the table is the tiny click log unless `data` describes another."""
    vocabulary = of_clicks() if data is None else of_table(folder.with_name(f"{folder.name}-ids"), data)
    config = LanguageModelConfig(name=str(checkpoint), **{"max_length": 64, **language})
    torch.manual_seed(0)
    model = build_method(method, NewParts(config, vocabulary.statistics))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "prompts" in name or "head" in name:
                parameter.mul_(3)  # so that words and prompts move the scores well beyond rounding
    save_bundle(
        folder,
        model,
        method_config=method,
        ctr_config=CTR if method.has_ctr_model else None,
        vocabulary=vocabulary,
        calibrator=calibrator,
        language_config=config,
        tokenizer=asking_tokenizer(str(checkpoint), None, method.asks) if method.asks else from_folder(str(checkpoint)),
    )
    return folder
