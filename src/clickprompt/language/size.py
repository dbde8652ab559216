"""How much a checkpoint computes for each token, known from its configuration alone."""

from __future__ import annotations

from dataclasses import dataclass

from clickprompt.language.config import LanguageModelConfig
from clickprompt.language.source import find_source, is_local


@dataclass(frozen=True)
class LanguageModelSize:
    """Weights that every token is multiplied by."""

    layers: int
    """In all Transformer layers that are kept: 4d² of attention and 2 or 3 matrices (d, inner width) in each."""
    masked_token_head: int
    """In the head: d² + d · vocabulary."""


def local_size(config: LanguageModelConfig) -> LanguageModelSize | None:
    """Sizes of a checkpoint that is on this machine; None where it would have to be fetched."""
    from transformers import AutoConfig

    from clickprompt.language.quiet import quiet_transformers

    source = find_source(config.name, config.revision)
    if not is_local(source):
        return None
    with quiet_transformers():
        shape = AutoConfig.from_pretrained(
            source.location, revision=source.revision, local_files_only=True, trust_remote_code=False
        )
    width = int(shape.hidden_size)
    inner = int(getattr(shape, "intermediate_size", None) or getattr(shape, "hidden_dim", None) or shape.d_ff)
    gated = shape.model_type == "modernbert" or bool(getattr(shape, "is_gated_act", False))
    layer = 4 * width**2 + (3 if gated else 2) * width * inner
    layers = config.layers or int(shape.num_hidden_layers)
    return LanguageModelSize(layers * layer, width**2 + width * int(shape.vocab_size))
