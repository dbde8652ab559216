"""T5 as a judge: it reads a sentence that ends in a question, and scores two answers to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration

from clickprompt.contracts import TokenBatch
from clickprompt.language.dropout import with_fast_dropout
from clickprompt.language.quiet import quiet_transformers
from clickprompt.language.rebuild import NOT_OURS, refuse_code
from clickprompt.settings import ClickPromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL_TYPE = "t5"


class TextToText(nn.Module):
    """score_a = s·⟨E_a, h⟩ for each answer a: what the decoder, at its first step, gives the answer's token.

    h is the decoder's state at its start token, which attends to the encoder's states of the sentence; E_a is the
    answer's row of the output matrix, the word embedding itself where the checkpoint ties the two; s = d^−½ where the
    checkpoint scales (the first T5), else 1 (T5 1.1, Flan-T5). Sentences are padded to the longest; padding is masked.
    Shapes: sentences of (batch,) rows → scores (batch, answers).
    Source: Raffel et al. 2020 (arXiv 1910.10683); the answers' tokens alone are multiplied, not the whole vocabulary.
    """

    def __init__(self, model: T5ForConditionalGeneration, answers: Sequence[int]) -> None:
        super().__init__()
        config: Any = model.config
        self.config = config
        self.answers = tuple(answers)
        self.words = model.shared
        self.encoder, self.decoder = model.encoder, model.decoder
        for stack in (self.encoder, self.decoder):
            stack.embed_tokens = None  # no weight has a second name: both are handed embeddings
        self.answer_rows: nn.Parameter | None = None
        if model.lm_head.weight is not model.shared.weight:
            self.answer_rows = nn.Parameter(model.lm_head.weight.detach()[list(answers)].clone())
        scales = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
        self.scale = float(config.d_model) ** -0.5 if scales else 1.0
        start = getattr(config, "decoder_start_token_id", None)
        self.start = int(config.pad_token_id if start is None else start)
        with_fast_dropout(self)

    def forward(self, tokens: TokenBatch) -> Tensor:
        if not len(tokens):
            return self.words.weight.new_zeros(0, len(self.answers))
        ids, mask = padded(tokens)
        read = self.encoder(inputs_embeds=self.words(ids), attention_mask=mask).last_hidden_state
        start = self.words(ids.new_full((len(ids), 1), self.start))
        written = self.decoder(
            inputs_embeds=start, encoder_hidden_states=read, encoder_attention_mask=mask, use_cache=False
        )
        rows = self.words.weight[list(self.answers)] if self.answer_rows is None else self.answer_rows
        return (self.scale * written.last_hidden_state[:, 0]) @ rows.T


def padded(tokens: TokenBatch) -> tuple[Tensor, Tensor]:
    """Sentences side by side: ids (batch, longest), token 0 in the free places, and which places are taken, int64."""
    place = torch.arange(len(tokens.ids), device=tokens.ids.device)
    row = torch.searchsorted(tokens.starts, place, right=True) - 1
    ids = tokens.ids.new_zeros(len(tokens), tokens.longest)
    mask = torch.zeros_like(ids)
    ids[row, tokens.places], mask[row, tokens.places] = tokens.ids, 1
    return ids, mask


def text_to_text_json(model: TextToText) -> dict[str, Any]:
    """What `build_text_to_text` needs, as plain JSON values; names no path and no code."""
    config = {name: value for name, value in model.config.to_dict().items() if name not in NOT_OURS}
    return {**config, "answers": list(model.answers), "tied_answers": model.answer_rows is None}


def build_text_to_text(config_json: dict[str, Any]) -> TextToText:
    """A model of this shape with random weights, float32, in evaluation mode; the caller's random numbers are left as
    they were. Raises ClickPromptError where the configuration is of no T5."""
    fields = {name: value for name, value in config_json.items() if name not in (*NOT_OURS, "model_type")}
    refuse_code(config_json)
    check_text_to_text(str(config_json.get("model_type")))
    answers, tied = fields.pop("answers"), fields.pop("tied_answers")
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        model = T5ForConditionalGeneration(T5Config(**fields))
        if not tied:
            model.lm_head = nn.Linear(model.config.d_model, model.config.vocab_size, bias=False)
        return TextToText(model, answers).eval()


def check_text_to_text(kind: str) -> None:
    """Raises ClickPromptError unless models of this kind are text-to-text ones that are served."""
    if kind != MODEL_TYPE:
        raise ClickPromptError(
            f"language_model.name: {kind} models answer no questions; choose a T5, such as t5-small or "
            "google/flan-t5-small, or make a small one (clickprompt.language.new_text_to_text_model)"
        )
