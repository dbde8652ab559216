"""Pretrained encoders made promptable: where they come from, how they read words beside prompts, what they return."""

from clickprompt.language.config import LanguageModelConfig, PoolingName
from clickprompt.language.encoder import EncoderStates, PromptedEncoder
from clickprompt.language.load import LoadedLanguageModel, load_language_model
from clickprompt.language.masked_token_head import MaskedTokenHead
from clickprompt.language.pooling import pool
from clickprompt.language.rebuild import build_encoder, encoder_config_json
from clickprompt.language.source import LANGUAGE_MODELS, checkpoint_fingerprint
from clickprompt.language.tokenizer import LanguageTokenizer

__all__ = [
    "LANGUAGE_MODELS",
    "EncoderStates",
    "LanguageModelConfig",
    "LanguageTokenizer",
    "LoadedLanguageModel",
    "MaskedTokenHead",
    "PoolingName",
    "PromptedEncoder",
    "build_encoder",
    "checkpoint_fingerprint",
    "encoder_config_json",
    "load_language_model",
    "pool",
]
