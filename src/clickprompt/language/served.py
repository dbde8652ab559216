"""Which encoders are served: bidirectional ones whose attention goes through transformers' attention interface."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from clickprompt.contracts import TokenBatch
from clickprompt.language.projections import has_known_projections
from clickprompt.language.reading import Reading
from clickprompt.settings import ClickPromptError

FAMILIES = "BERT (also MiniLM, TinyBERT), RoBERTa, XLM-RoBERTa, ELECTRA, DistilBERT, ModernBERT"


def refuse(kind: str, reason: str) -> ClickPromptError:
    """The one line for an encoder that cannot be prompted."""
    return ClickPromptError(f"language_model.name: {kind} models are not served: {reason}; served are {FAMILIES}")


def check_config(config: Any) -> type:
    """Check what the configuration alone can tell, before any weight is read; return the class with a head."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False) or getattr(config, "is_decoder", False):
        raise refuse(kind, "prompts need an encoder, and this has a decoder")
    try:
        model_class: type = MODEL_FOR_MASKED_LM_MAPPING[type(config)]
    except KeyError:
        raise refuse(kind, "they are no masked language models") from None
    if not getattr(model_class, "_supports_attention_backend", False):
        raise refuse(kind, "their attention cannot take prompts")
    return model_class


def check_attention(model: PreTrainedModel) -> list[nn.Module]:
    """Read two tokens and return the attention modules in the order of their layers.

    Raises ClickPromptError unless each layer attended exactly once, in both directions, through our function and with
    projections that we know.
    """
    kind = model.config.model_type
    training = model.training
    model.eval()
    try:
        device = next(model.parameters()).device
        with torch.no_grad():
            place = torch.arange(2, device=device)
            reading = Reading(TokenBatch(torch.zeros_like(place), place, place[:1], ((1, 2),)))
            model(torch.zeros_like(place)[None], position_ids=place[None], reading=reading)
    except (TypeError, AttributeError, KeyError) as error:
        raise refuse(kind, "their layers do not hand prompts on to attention") from error
    finally:
        model.train(training)
    seen = reading.seen
    if len(seen) != model.config.num_hidden_layers or len(set(map(id, seen))) != len(seen):
        raise refuse(kind, "their layers do not each attend once through the attention interface")
    if any(getattr(module, "is_causal", False) for module in seen):
        raise refuse(kind, "they read in one direction only")
    if not all(has_known_projections(module) for module in seen):
        raise refuse(kind, "their key and value projections are unknown here")
    return seen


def layer_list(model: PreTrainedModel, attentions: list[nn.Module]) -> nn.ModuleList:
    """The list of layers, one attention module in each."""
    for layers in model.modules():
        if isinstance(layers, nn.ModuleList) and len(layers) == len(attentions):
            pairs = zip(attentions, layers, strict=True)
            if all(any(part is attention for part in layer.modules()) for attention, layer in pairs):
                return layers
    raise refuse(model.config.model_type, "their layers stand in no list")
