"""LoRA: small matrices beside the encoder's own learn in their place (Hu et al., ICLR'22)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec

import torch
from torch import nn

from clickprompt.language.config import LoRATuning
from clickprompt.language.dropout import with_fast_dropout
from clickprompt.language.encoder import PromptedEncoder
from clickprompt.settings import ClickPromptError

_PEFT = (0, 21)
"""The first release of peft that serves."""


def check_peft() -> None:
    """Raises ClickPromptError where peft is not installed or too old; imports nothing."""
    if find_spec("peft") is None:
        raise ClickPromptError(
            'language_model.tuning: lora needs the package peft; pip install "clickprompt[lora]", or choose full'
        )
    found = version("peft")
    if tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < _PEFT:
        wanted = ".".join(map(str, _PEFT))
        raise ClickPromptError(
            f'language_model.tuning: lora needs peft {wanted} or later, found {found}; pip install "clickprompt[lora]"'
        )


@contextmanager
def adapted(encoder: PromptedEncoder, config: LoRATuning) -> Iterator[None]:
    """Within the block every linear layer of every Transformer layer is W + (alpha/rank)·B·A; afterwards it is a plain
    linear layer of that sum, under its old name, and what asked for a gradient before asks for it again. A is drawn
    from torch's global generator, B is zero.

    Source: arXiv 2106.09685, section 4.1. Raises ClickPromptError where peft is not installed or too old.
    """
    check_peft()
    from peft import LoraConfig, inject_adapter_in_model

    settings = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # only ever divided by the rank
        lora_dropout=config.dropout,
        target_modules=list(_linear_layers(encoder)),
    )
    asked = [(parameter, parameter.requires_grad) for parameter in encoder.parameters()]
    inject_adapter_in_model(settings, encoder.model)  # type: ignore[arg-type]
    with_fast_dropout(encoder.model)
    encoder.train(encoder.training)  # the adapters' dropout too
    try:
        yield
    finally:
        _merge(encoder)
        for parameter, gradient in asked:
            parameter.requires_grad_(gradient)


def _linear_layers(encoder: PromptedEncoder) -> Iterator[str]:
    """Names of the linear layers within Transformer layers."""
    inside = {module for layer in encoder.layers for module in layer.modules()}
    for name, module in encoder.model.named_modules():
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
