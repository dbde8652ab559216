"""LoRA: small matrices beside the encoder's own learn in their place (Hu et al., ICLR'22)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch
from torch import nn

from clickprompt.language.config import LoRATuning
from clickprompt.language.encoder import PromptedEncoder
from clickprompt.language.served import layer_list
from clickprompt.settings import ClickPromptError


@contextmanager
def adapted(encoder: PromptedEncoder, config: LoRATuning) -> Iterator[None]:
    """Within the block every linear layer of every Transformer layer is W + (alpha/rank)·B·A; afterwards it is a plain
    linear layer of that sum, under its old name. A is drawn from torch's global generator, B is zero.

    Source: arXiv 2106.09685, section 4.1. Raises ClickPromptError where peft is not installed.
    """
    if find_spec("peft") is None:
        raise ClickPromptError(
            'language_model.tuning: lora needs the package peft; pip install "clickprompt[lora]", or choose full'
        )
    from peft import LoraConfig, inject_adapter_in_model

    settings = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # only ever divided by the rank
        lora_dropout=config.dropout,
        target_modules=list(_linear_layers(encoder)),
    )
    inject_adapter_in_model(settings, encoder.model)  # type: ignore[arg-type]
    encoder.train(encoder.training)  # the adapters' dropout too
    try:
        yield
    finally:
        _merge(encoder)


def _linear_layers(encoder: PromptedEncoder) -> Iterator[str]:
    """Names of the linear layers within Transformer layers."""
    attentions = [module for module in encoder.model.modules() if hasattr(module, "prompt_layer")]  # type: ignore[union-attr]
    inside = set(layer_list(encoder.model, attentions).modules())  # type: ignore[arg-type]
    for name, module in encoder.model.named_modules():  # type: ignore[union-attr]
        if module in inside and isinstance(module, nn.Linear):
            yield name


@torch.no_grad()
def _merge(encoder: PromptedEncoder) -> None:
    from peft.tuners.lora import LoraLayer

    for name, module in list(encoder.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            encoder.set_submodule(name, module.get_base_layer())
    del encoder.model.peft_config
