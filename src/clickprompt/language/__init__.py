"""Pretrained encoders made promptable: where they come from, how they read words beside prompts, what they return.

Names that need transformers load it when they are first used: it takes seconds, and ID models never need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickprompt.language.config import QUESTION, TUNINGS, FullTuning, LanguageModelConfig, PoolingName, Tuning
from clickprompt.language.pooling import pool, wanted
from clickprompt.language.source import LANGUAGE_MODELS, checkpoint_fingerprint, find_source, is_local
from clickprompt.language.tokenizer import LanguageTokenizer
from clickprompt.language.tuning import adapters_of, untrained
from clickprompt.lazy_names import loaded_when_used

if TYPE_CHECKING:
    from clickprompt.language.compiling import compile_layers
    from clickprompt.language.encoder import EncoderStates, PromptedEncoder
    from clickprompt.language.load import LoadedLanguageModel, load_language_model
    from clickprompt.language.lora import adapted, check_peft
    from clickprompt.language.masked_token_head import MaskedTokenHead
    from clickprompt.language.new_t5 import new_text_to_text_model
    from clickprompt.language.padded import PaddedEncoder
    from clickprompt.language.quantize import quantized
    from clickprompt.language.rebuild import build_encoder, encoder_config_json
    from clickprompt.language.text_to_text import TextToText, build_text_to_text, text_to_text_json
    from clickprompt.language.text_to_text_checkpoint import asking_tokenizer, load_text_to_text

_LOADED_WHEN_USED = {
    "EncoderStates": "encoder",
    "PromptedEncoder": "encoder",
    "PaddedEncoder": "padded",
    "LoadedLanguageModel": "load",
    "load_language_model": "load",
    "MaskedTokenHead": "masked_token_head",
    "quantized": "quantize",
    "adapted": "lora",
    "check_peft": "lora",
    "compile_layers": "compiling",
    "build_encoder": "rebuild",
    "encoder_config_json": "rebuild",
    "asking_tokenizer": "text_to_text_checkpoint",
    "load_text_to_text": "text_to_text_checkpoint",
    "new_text_to_text_model": "new_t5",
    "TextToText": "text_to_text",
    "build_text_to_text": "text_to_text",
    "text_to_text_json": "text_to_text",
}

__getattr__ = loaded_when_used(__name__, _LOADED_WHEN_USED)

__all__ = [
    "LANGUAGE_MODELS",
    "QUESTION",
    "TUNINGS",
    "EncoderStates",
    "FullTuning",
    "LanguageModelConfig",
    "LanguageTokenizer",
    "LoadedLanguageModel",
    "MaskedTokenHead",
    "PaddedEncoder",
    "PoolingName",
    "PromptedEncoder",
    "TextToText",
    "Tuning",
    "adapted",
    "adapters_of",
    "asking_tokenizer",
    "build_encoder",
    "build_text_to_text",
    "check_peft",
    "checkpoint_fingerprint",
    "compile_layers",
    "encoder_config_json",
    "find_source",
    "is_local",
    "load_language_model",
    "load_text_to_text",
    "new_text_to_text_model",
    "pool",
    "quantized",
    "text_to_text_json",
    "untrained",
    "wanted",
]
