"""A pretrained encoder that reads words with prompts before them, at every layer or at the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from clickprompt.contracts import ChosenTokens, Prompts, TokenBatch
from clickprompt.language.config import PoolingName
from clickprompt.language.dropout import with_fast_dropout
from clickprompt.language.reading import Reading
from clickprompt.language.served import check_attention, layer_list


@dataclass(frozen=True)
class EncoderStates:
    """Hidden states of the words, sentence after sentence; those of prompts are dropped."""

    last: Tensor
    """(tokens, d); (chosen, d) where only chosen ones were wanted."""
    embeddings: Tensor | None = None
    """(tokens, d), what enters the first layer; kept for `mean_first_last`."""
    last_but_one: Tensor | None = None
    """(tokens, d), what enters the last layer; kept for `mean_last_two`."""
    chosen: ChosenTokens | None = None
    """The words that `last` is of, where not of all."""


class PromptedEncoder(nn.Module):
    """Transformer_l([p_{l,1..K}] ⊕ [h_{l,1..Z}]) → h_{l+1}  (ClickPrompt, arXiv 2310.09234, prompt fusion).

    `model` is a transformers encoder whose attention is `attention.attend`. Words see prompts always. Prompts take no
    position; those of space `first` enter beside the embeddings, after their LayerNorm, and are ordinary states from
    there on (at position 0 where positions are rotations, which rotates nothing). The others are keys and values of
    their layer only.

    Raises ClickPromptError where the encoder is none of the served kinds.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        with_fast_dropout(model)
        attentions = check_attention(model)
        for layer, attention in enumerate(attentions):
            attention.prompt_layer = layer  # type: ignore[assignment]  # not all families number their layers
        layers = layer_list(model, attentions)
        layers[0].register_forward_pre_hook(_prepend_carried_prompts, with_kwargs=True)
        layers[-1].register_forward_pre_hook(_ask_with_chosen_words, with_kwargs=True)
        # Tuples, so that no weight gets a second name.
        self.layers: tuple[nn.Module, ...] = tuple(layers)
        self.attentions = tuple(attentions)
        self.num_layers = len(layers)
        self.hidden_size = int(model.config.hidden_size)
        self._rotary = hasattr(model, "rotary_emb")
        self._first_position = _first_position(model)

    def forward(
        self,
        tokens: TokenBatch,
        prompts: Prompts | None = None,
        keep: PoolingName = "mean",
        chosen: ChosenTokens | None = None,
    ) -> EncoderStates:
        """Read a batch; `keep` names the pooling whose states are wanted.

        With `chosen` the last layer makes states of those words alone: its queries, its output and its feed-forward are
        not computed for the others.
        """
        if prompts is not None:
            self._check(prompts, tokens)
        more = keep in ("mean_first_last", "mean_last_two")
        if chosen is not None and more:
            raise ValueError(f"{keep} pooling needs the states of all words, not of chosen ones")
        if not len(tokens):
            return self._nothing(keep)
        none_chosen = chosen is not None and not len(chosen.positions)
        reading = Reading(tokens, prompts, None if none_chosen else chosen, self.num_layers - 1)
        states = self.read(reading, every_layer=more)
        words = reading.words_among(reading.carried) if reading.carried else None

        def of_words(states: Tensor) -> Tensor:
            return states[0] if words is None else states[0].index_select(0, words)

        last = states.last_hidden_state[0] if reading.chosen is not None else of_words(states.last_hidden_state)
        return EncoderStates(
            last[:0] if none_chosen else last,
            of_words(states.hidden_states[0]) if keep == "mean_first_last" else None,
            of_words(states.hidden_states[-2]) if keep == "mean_last_two" else None,
            chosen,
        )

    def read(self, reading: Reading, every_layer: bool = False) -> Any:
        """What the Transformer itself returns, (1, states, d) a layer; prompts of space `first` are among the states.

        `every_layer` keeps what enters each layer in `hidden_states`.
        """
        tokens = reading.tokens
        places = tokens.places + self._first_position
        if self._rotary and reading.carried:
            # Position 0 rotates nothing; the words keep the positions they have without prompts.
            places = reading.with_prompts(places, places.new_zeros(tokens.starts.shape[0], reading.carried))
        return self.model(
            tokens.ids[None],
            attention_mask=None,
            position_ids=places[None],
            reading=reading,
            return_dict=True,
            output_hidden_states=every_layer,
        )

    def _nothing(self, keep: PoolingName) -> EncoderStates:
        """States of no sentences."""
        none = next(self.parameters()).new_zeros(0, self.hidden_size)
        first, second = (none if keep == kind else None for kind in ("mean_first_last", "mean_last_two"))
        return EncoderStates(none, first, second)

    def _check(self, prompts: Prompts, tokens: TokenBatch) -> None:
        layers = 1 if prompts.space == "first" else self.num_layers
        kinds = (2,) if prompts.space == "key_value" else ()
        wanted = (layers, len(tokens), prompts.length, *kinds, self.hidden_size)
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
    return (reading.with_prompts(words[0], prompts)[None], *others), kwargs


def _ask_with_chosen_words(
    layer: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Tensor, ...], dict[str, Any]] | None:
    """The last layer is handed the chosen words' states alone; attention makes keys and values of what is kept here."""
    reading: Reading = kwargs["reading"]
    if reading.chosen is None:
        return None
    states, *others = args
    normalize = getattr(layer, "attn_norm", None)  # ModernBERT's attention reads normalized states
    reading.entering = states if normalize is None else normalize(states)
    reading.rotation = kwargs.get("position_embeddings")
    if reading.rotation is not None:
        asking = tuple(of_place.index_select(1, reading.asking) for of_place in reading.rotation)
        kwargs = kwargs | {"position_embeddings": asking}
    return (states.index_select(1, reading.asking), *others), kwargs


def _first_position(model: PreTrainedModel) -> int:
    """The first word's position: RoBERTa and its like count from after the padding token's id."""
    embeddings: Any = getattr(model, "embeddings", None)
    counts_from_padding = hasattr(embeddings, "create_position_ids_from_input_ids")
    return int(embeddings.padding_idx) + 1 if counts_from_padding else 0
