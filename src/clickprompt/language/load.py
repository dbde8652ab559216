"""A checkpoint becomes an encoder that takes prompts, its masked-token head and its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from clickprompt.language.attention import ATTENTION
from clickprompt.language.checkpointing import checkpoint_activations
from clickprompt.language.config import LanguageModelConfig
from clickprompt.language.encoder import PromptedEncoder
from clickprompt.language.masked_token_head import MaskedTokenHead
from clickprompt.language.quiet import quiet_transformers
from clickprompt.language.served import check_config
from clickprompt.language.source import Source, find_source, not_found
from clickprompt.language.tokenizer import LanguageTokenizer, from_source
from clickprompt.settings import ClickPromptError

_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "dropout",
    "attention_dropout",
    "embedding_dropout",
    "mlp_dropout",
)


@dataclass(frozen=True)
class LoadedLanguageModel:
    """Everything that a checkpoint gives."""

    encoder: PromptedEncoder
    masked_token_head: MaskedTokenHead
    """Shares the encoder's word embeddings: move, cast and copy the two together."""
    tokenizer: LanguageTokenizer
    description: str
    """For the user, in a line."""


def load_language_model(config: LanguageModelConfig) -> LoadedLanguageModel:
    """Load a checkpoint in float32, in evaluation mode. Weights are read from safetensors only; no code of the
    checkpoint is run.

    Raises ClickPromptError where the checkpoint is not found, is of no served kind, has fewer layers or positions than
    asked for, or holds no safetensors.
    """
    source = find_source(config.name, config.revision)
    shape = read_shape(source)
    model_class = check_config(shape)
    depth = int(shape.num_hidden_layers)
    _keep_layers(shape, config.layers)
    _set_dropout(shape, config.dropout)
    tokenizer = from_source(source)
    model, missing = read_weights(source, model_class, shape)

    prefix = f"{model.base_model_prefix}."
    absent = sorted(name for name in missing if name.startswith(prefix) and ".pooler." not in name)
    check_whole(source, absent)
    encoder = PromptedEncoder(model.base_model)
    _check_sizes(encoder, tokenizer, config)
    if config.activation_checkpointing:
        checkpoint_activations(model.base_model)
    tied = set(getattr(model, "all_tied_weights_keys", {}) or {})
    head = MaskedTokenHead(model, is_new=bool(set(missing) - tied))
    layers = f"{encoder.num_layers} of {depth} layers" if encoder.num_layers < depth else f"{depth} layers"
    description = f"{source.description}: {shape.model_type}, {layers}, width {encoder.hidden_size}"
    return LoadedLanguageModel(encoder.eval(), head.eval(), tokenizer, description)


def read_shape(source: Source) -> Any:
    """The checkpoint's configuration. Raises ClickPromptError where there is none."""
    try:
        with quiet_transformers():
            return AutoConfig.from_pretrained(source.location, revision=source.revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise not_found(source, error) from error


def _keep_layers(shape: Any, layers: int | None) -> None:
    if layers is None:
        return
    if layers > shape.num_hidden_layers:
        raise ClickPromptError(
            f"language_model.layers is {layers}, but the model has {shape.num_hidden_layers}; choose no more than that"
        )
    shape.num_hidden_layers = layers
    if getattr(shape, "layer_types", None):
        shape.layer_types = shape.layer_types[:layers]


def _set_dropout(shape: Any, dropout: float | None) -> None:
    if dropout is not None:
        for name in _DROPOUTS:
            if hasattr(shape, name):
                setattr(shape, name, dropout)


def read_weights(
    source: Source, model_class: Any, shape: Any, attention: str | None = ATTENTION
) -> tuple[PreTrainedModel, list[str]]:
    """The checkpoint's weights in a model of this class and shape, and the names of those it lacks.

    Raises ClickPromptError where there are none, they are not safetensors, or they do not fit.
    """
    no_safetensors = ClickPromptError(
        f"language_model.name: {source.location} has no model.safetensors; pickled weights can run code and are never "
        "read: save it again with transformers' save_pretrained, or choose another model"
    )
    if source.folder and not any(source.folder.glob("*.safetensors")):
        raise no_safetensors
    try:
        with quiet_transformers():
            model, report = model_class.from_pretrained(
                source.location,
                revision=source.revision,
                config=shape,
                attn_implementation=attention,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except OSError as error:
        raise (no_safetensors if "safetensors" in str(error) else not_found(source, error)) from error
    except Exception as error:  # a damaged file, or shapes that differ from config.json
        raise not_found(source, error) from error
    return model, sorted(report["missing_keys"])


def check_whole(source: Source, absent: Sequence[str]) -> None:
    """Raises ClickPromptError where weights are absent from a checkpoint that no new ones can stand for."""
    if absent:
        raise ClickPromptError(
            f"language_model.name: the weights of {source.location} lack {absent[0]}; get them again, whole"
        )


def check_vocabulary(config: LanguageModelConfig, tokenizer: LanguageTokenizer, rows: int) -> None:
    """Raises ClickPromptError where the tokenizer knows more tokens than the weights have word embeddings."""
    if tokenizer.vocab_size > rows:
        raise ClickPromptError(
            f"language_model.name: {config.name}'s tokenizer knows {tokenizer.vocab_size} tokens, its weights {rows}; "
            "the two do not belong together"
        )


def _check_sizes(encoder: PromptedEncoder, tokenizer: LanguageTokenizer, config: LanguageModelConfig) -> None:
    model: Any = encoder.model
    rows = model.get_input_embeddings().num_embeddings
    check_vocabulary(config, tokenizer, rows)
    positions = int(model.config.max_position_embeddings)
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            positions = module.num_embeddings - module.padding_idx - 1  # RoBERTa counts from behind its padding index
    if config.max_length > positions:
        raise ClickPromptError(
            f"language_model.max_length is {config.max_length}, but {config.name} reads {positions} tokens at most"
        )
