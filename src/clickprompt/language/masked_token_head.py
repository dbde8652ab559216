"""The head that names hidden words: the architecture's own, run on chosen positions only."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class MaskedTokenHead(nn.Module):
    """States of chosen words → logits over the vocabulary.

    `model` is a transformers masked language model. Its encoder is taken out and replaced by a stand-in that hands
    given states on, so that the head's own code runs, whatever the architecture. The decoder's matrix stays the
    encoder's word embeddings: it is looked up there and is no parameter of this module. A new head is tied too.
    """

    def __init__(self, model: PreTrainedModel, *, is_new: bool) -> None:
        super().__init__()
        self.is_new = is_new
        """Whether the checkpoint had no head, so that this one starts at random."""
        embeddings: nn.Embedding = model.base_model.get_input_embeddings()
        decoder: nn.Linear = model.get_output_embeddings()
        if decoder.weight is embeddings.weight or (is_new and decoder.weight.shape == embeddings.weight.shape):
            _replace(model, decoder, TiedDecoder(embeddings, decoder.bias))
        setattr(model, model.base_model_prefix, _HandOn())
        self.model = model

    def forward(self, states: Tensor) -> Tensor:
        """(chosen, d) → (chosen, vocabulary)."""
        return self.model(inputs_embeds=states[None], return_dict=True).logits[0]


class TiedDecoder(nn.Module):
    """logits = states · Eᵀ + b, E the word embeddings that another module owns."""

    def __init__(self, embeddings: nn.Embedding, bias: nn.Parameter | None) -> None:
        super().__init__()
        self._owner = (embeddings,)  # in a tuple, so that E is registered, moved and saved by its owner alone
        self.bias = bias

    def forward(self, states: Tensor) -> Tensor:
        """(…, d) → (…, vocabulary)."""
        return linear(states, self._owner[0].weight, self.bias)


class _HandOn(nn.Module):
    """Stands where the encoder stood and returns the states it is given."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=inputs_embeds)


def _replace(model: nn.Module, old: nn.Linear, new: TiedDecoder) -> None:
    for module in model.modules():
        for name, part in list(module.named_children()):
            if part is old:
                setattr(module, name, new)
        # BERT and RoBERTa hold the decoder's bias under a second name; it is one parameter and keeps one.
        if module not in (old, new) and new.bias is not None and module._parameters.get("bias") is new.bias:
            module._parameters["bias"] = None
