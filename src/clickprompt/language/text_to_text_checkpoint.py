"""A T5 checkpoint becomes a model that answers yes or no, and a tokenizer that ends every sentence in the question."""

from __future__ import annotations

from typing import Any

from transformers import T5ForConditionalGeneration

from clickprompt.language.checkpointing import checkpoint_activations
from clickprompt.language.config import LanguageModelConfig
from clickprompt.language.load import check_vocabulary, check_whole, read_shape, read_weights
from clickprompt.language.source import check_reachable, find_source
from clickprompt.language.text_to_text import TextToText, check_text_to_text
from clickprompt.language.tokenizer import LanguageTokenizer, from_source
from clickprompt.settings import ClickPromptError

ANSWERS = ("yes", "no")


def asking_tokenizer(name: str, revision: str | None, question: str) -> LanguageTokenizer:
    """The tokenizer of a text-to-text checkpoint; `suffix_ids` are the question and what ends a text.

    Raises ClickPromptError where the checkpoint is not found or is no text-to-text model.
    """
    source = find_source(name, revision)
    check_reachable(source)
    check_text_to_text(read_shape(source).model_type)
    return from_source(source, question)


def load_text_to_text(config: LanguageModelConfig) -> TextToText:
    """Load a T5 in float32, in evaluation mode; its answers are "yes" and "no", in this order. `layers` keeps the first
    ones of the encoder, and as many of the decoder. Weights are read from safetensors only.

    Raises ClickPromptError where the checkpoint is not found, is no T5, lacks weights or layers, or has no words for
    the answers.
    """
    source = find_source(config.name, config.revision)
    shape = read_shape(source)
    check_text_to_text(shape.model_type)
    _keep_layers(shape, config.layers)
    if config.dropout is not None:
        shape.dropout_rate = config.dropout
    tokenizer = from_source(source, "")
    model, missing = read_weights(source, T5ForConditionalGeneration, shape, attention=None)
    check_whole(source, sorted(set(missing) - set(getattr(model, "all_tied_weights_keys", {}) or {})))
    check_vocabulary(config, tokenizer, shape.vocab_size)
    if config.activation_checkpointing:
        checkpoint_activations(model.encoder)
        checkpoint_activations(model.decoder)
    return TextToText(model, _answers(tokenizer, config.name)).eval()


def _keep_layers(shape: Any, layers: int | None) -> None:
    if layers is None:
        return
    for part, have in (("encoder", shape.num_layers), ("decoder", shape.num_decoder_layers)):
        if layers > have:
            raise ClickPromptError(
                f"language_model.layers is {layers}, but the model's {part} has {have}; choose no more than that"
            )
    shape.num_layers = shape.num_decoder_layers = layers


def _answers(tokenizer: LanguageTokenizer, name: str) -> tuple[int, ...]:
    """The first token of each answer."""
    first = tuple(ids[0] for ids, _ in tokenizer.encode(ANSWERS))
    if len(set(first)) < len(first) or tokenizer.unknown_id in first:
        raise ClickPromptError(
            f'language_model.name: {name} has no word of its own for each of "yes" and "no"; choose another model'
        )
    return first
