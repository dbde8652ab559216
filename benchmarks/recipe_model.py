"""ClickPrompt as the papers' recipe has it, written plainly with transformers: what `paper_recipe.py` trains."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad, scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

ATTENTION = "paper-recipe"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    prompts: Tensor,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Prompts' keys and values stand before the words', and every word sees them.

    This is what `past_key_values` was for in the authors' transformers; encoders of version 5 take none.
    Shapes: query, key, value (batch, heads, length, head width), prompts (layers, batch, K, 2, d).
    """
    heads, length = key.shape[1], prompts.shape[2]
    own = prompts[module.layer_number].to(key.dtype)
    prompt_key, prompt_value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in own.unbind(2))
    if attention_mask is not None:
        attention_mask = pad(attention_mask, (length, 0), value=True)
    mixed = scaled_dot_product_attention(
        query,
        torch.cat([prompt_key, key], dim=2),
        torch.cat([prompt_value, value], dim=2),
        attn_mask=attention_mask,
        dropout_p=dropout,
        scale=scaling,
    )
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


class PaperRecipe(nn.Module):
    """logit = α·ctr_head(q) + (1 − α)·lm_head(pool(h)); pretrained by masked words with the head at every token.

    `language` is a BERT or RoBERTa with its masked-token head, loaded with `attn_implementation=ATTENTION`; `ctr` has
    `representation(feature_ids)` and `head(q)`. Shapes: ids and mask (batch, length), feature_ids (batch, fields).
    """

    def __init__(self, language: PreTrainedModel, ctr: nn.Module, prompt_length: int, pooling: str = "mean") -> None:
        super().__init__()
        self.language = language
        self.ctr = ctr
        self.pooling = pooling
        layers, width = language.config.num_hidden_layers, language.config.hidden_size
        for number, layer in enumerate(language.base_model.encoder.layer):
            layer.attention.self.layer_number = number
        self._split = (layers, prompt_length, 2, width)
        self.prompts = nn.Sequential(
            nn.Linear(ctr.representation_dim, width), nn.Tanh(), nn.Linear(width, layers * prompt_length * 2 * width)
        )
        self.language_head = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.alpha = nn.Parameter(torch.tensor(0.5))

    def load_library_weights(self, weights: dict[str, Tensor]) -> None:
        """Weights of all but the language model, under the library's names for them."""
        own = {name.replace("prompts.project.", "prompts."): tensor for name, tensor in weights.items()}
        missing, unexpected = self.load_state_dict(own, strict=False)
        unset = [name for name in missing if not name.startswith("language.")]
        if unset or unexpected:
            raise ValueError(f"weights do not fit the recipe's model: {', '.join(unset + unexpected)}")

    def pretraining_loss(self, ids: Tensor, mask: Tensor, targets: Tensor, feature_ids: Tensor) -> Tensor:
        """Mean cross entropy of the tokens whose target is not −100."""
        prompts = self._prompts(self.ctr.representation(feature_ids))
        return self.language(input_ids=ids, attention_mask=mask, labels=targets, prompts=prompts).loss

    def forward(self, ids: Tensor, mask: Tensor, feature_ids: Tensor) -> Tensor:
        """Logit (batch,) of each row."""
        q = self.ctr.representation(feature_ids)
        outputs = self.language.base_model(input_ids=ids, attention_mask=mask, prompts=self._prompts(q))
        states = outputs.last_hidden_state
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            pooled = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        return self.alpha * self.ctr.head(q) + (1 - self.alpha) * self.language_head(pooled).squeeze(-1)

    def click_loss(self, ids: Tensor, mask: Tensor, feature_ids: Tensor, labels: Tensor) -> Tensor:
        """Mean binary cross entropy."""
        return binary_cross_entropy_with_logits(self(ids, mask, feature_ids), labels)

    def _prompts(self, q: Tensor) -> Tensor:
        return self.prompts(q).unflatten(1, self._split).transpose(0, 1)
