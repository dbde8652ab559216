"""Activation checkpointing: layers forget what they computed and compute it again for the gradient."""

from __future__ import annotations

from functools import partial

from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from clickprompt.settings import ClickPromptError


def checkpoint_activations(model: PreTrainedModel) -> None:
    """In training, keep of each layer only what enters it; dropout draws the same numbers again.

    Gradients are those without it, to the bit. Source: Chen et al., Training Deep Nets with Sublinear Memory Cost
    (arXiv 1604.06174). Raises ClickPromptError where the layers are not made for it.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if len(layers) != model.config.num_hidden_layers:
        kind = model.config.model_type
        raise ClickPromptError(
            f"language_model.activation_checkpointing: the layers of {kind} models cannot be run twice; leave it out"
        )
    # Layer by layer, since transformers' switch for a whole model speaks of caches that encoders do not have, and makes
    # the word embeddings' output ask for a gradient, which a frozen encoder need not compute.
    for layer in layers:
        layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
