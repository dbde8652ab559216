"""A pretrained encoder that reads words with prompts before them, at every layer or at the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from clickprompt.contracts import Prompts, TokenBatch
from clickprompt.language.attention import Reading
from clickprompt.language.config import PoolingName
from clickprompt.language.served import check_attention, layer_list


@dataclass(frozen=True)
class EncoderStates:
    """Hidden states of the words; those of prompts are dropped."""

    last: Tensor
    """(batch, length, d)"""
    embeddings: Tensor | None = None
    """(batch, length, d), what enters the first layer; kept for `mean_first_last`."""
    last_but_one: Tensor | None = None
    """(batch, length, d), what enters the last layer; kept for `mean_last_two`."""


class PromptedEncoder(nn.Module):
    """Transformer_l([p_{l,1..K}] ⊕ [h_{l,1..Z}]) → h_{l+1}  (ClickPrompt, arXiv 2310.09234, prompt fusion).

    `model` is a transformers encoder whose attention is `attention.attend`. Words see prompts always: prompts take no
    position and no padding mask. Prompts of space `first` enter beside the embeddings, after their LayerNorm, and are
    ordinary states from there on; the others are keys and values of their layer only.

    Raises ClickPromptError where the encoder is none of the served kinds.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        attentions = check_attention(model)
        for layer, attention in enumerate(attentions):
            attention.prompt_layer = layer  # type: ignore[assignment]  # not all families number their layers
        layers = layer_list(model, attentions)
        layers[0].register_forward_pre_hook(_prepend_carried_prompts, with_kwargs=True)
        self.num_layers = len(layers)
        self.hidden_size = int(model.config.hidden_size)
        self._rotary = hasattr(model, "rotary_emb")

    def forward(self, tokens: TokenBatch, prompts: Prompts | None = None, keep: PoolingName = "mean") -> EncoderStates:
        """Read a batch; `keep` names the pooling whose states are wanted."""
        if prompts is not None:
            self._check(prompts, tokens)
        reading = Reading(tokens.mask, prompts)
        more: dict[str, Any] = {"output_hidden_states": keep in ("mean_first_last", "mean_last_two")}
        if self._rotary and reading.carried:
            # Position 0 rotates nothing; the words keep the positions they have without prompts.
            place = torch.arange(-reading.carried, tokens.ids.shape[1], device=tokens.ids.device)
            more["position_ids"] = place.clamp(min=0)[None]
        states = self.model(tokens.ids, attention_mask=None, reading=reading, return_dict=True, **more)
        carried = reading.carried
        return EncoderStates(
            states.last_hidden_state[:, carried:],
            states.hidden_states[0][:, carried:] if keep == "mean_first_last" else None,
            states.hidden_states[-2][:, carried:] if keep == "mean_last_two" else None,
        )

    def _check(self, prompts: Prompts, tokens: TokenBatch) -> None:
        layers = 1 if prompts.space == "first" else self.num_layers
        kinds = (2,) if prompts.space == "key_value" else ()
        wanted = (layers, len(tokens.ids), prompts.length, *kinds, self.hidden_size)
        if tuple(prompts.states.shape) != wanted:
            raise ValueError(f"{prompts.space} prompts have shape {tuple(prompts.states.shape)}, expected {wanted}")


def _prepend_carried_prompts(
    layer: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Tensor, ...], dict[str, Any]] | None:
    """Prompts of space `first` join the states that enter the first layer."""
    reading: Reading = kwargs["reading"]
    if not reading.carried:
        return None
    words, *others = args
    prompts = reading.prompts.states[0].to(words.dtype)  # type: ignore[union-attr]
    return (torch.cat([prompts, words], dim=1), *others), kwargs
