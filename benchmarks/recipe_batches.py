"""The recipe's batches: sentences, tokens, masks, made row by row as the authors do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lm_cases import MAX_LENGTH, RawRows
from lm_flops import MASK_RATE

IGNORED = -100
"""Target of a token that the loss passes over."""

Batch = dict[str, Tensor]


class Collator:
    """Rows → tensors: sentences, tokens, masks."""

    def __init__(self, rows: RawRows, tokenizer: PreTrainedTokenizerBase, *, masking: bool) -> None:
        self.rows = rows
        self.tokenizer = tokenizer
        self.masking = masking

    def __call__(self, numbers: list[int]) -> Batch:
        fields = self.rows.fields
        sentences = []
        for number in numbers:
            values = self.rows.values[number]
            sentences.append(" ".join(f"{field} is {value}." for field, value in zip(fields, values, strict=True)))
        encoded: Any = self.tokenizer(
            sentences,
            padding=True,
            truncation=True,
            max_length=MAX_LENGTH,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        batch = {
            "ids": encoded["input_ids"],
            "mask": encoded["attention_mask"],
            "feature_ids": torch.from_numpy(self.rows.feature_ids[numbers]),
        }
        if self.masking:
            batch["ids"], batch["targets"] = mask_tokens(batch["ids"], encoded["special_tokens_mask"], self.tokenizer)
        else:
            batch["labels"] = torch.from_numpy(self.rows.labels[numbers])
        return batch


def mask_tokens(ids: Tensor, special: Tensor, tokenizer: PreTrainedTokenizerBase) -> tuple[Tensor, Tensor]:
    """15 % of the words are targets; of those 80 % are masked, 10 % replaced by any token, 10 % kept."""
    ids, targets = ids.clone(), ids.clone()
    chosen = torch.bernoulli(torch.full(ids.shape, MASK_RATE).masked_fill(special.bool(), 0.0)).bool()
    targets[~chosen] = IGNORED
    masked = torch.bernoulli(torch.full(ids.shape, 0.8)).bool() & chosen
    ids[masked] = tokenizer.mask_token_id
    replaced = torch.bernoulli(torch.full(ids.shape, 0.5)).bool() & chosen & ~masked
    ids[replaced] = torch.randint(len(tokenizer), ids.shape)[replaced]
    return ids, targets


def parts_of(batch: Batch, rows: int) -> Iterator[tuple[Batch, float]]:
    """So many rows at a time, padded to their own longest, and the share that their mean loss has in the batch's."""
    counted = (batch["targets"] != IGNORED).sum(1) if "targets" in batch else torch.ones(len(batch["ids"]))
    for start in range(0, len(counted), rows):
        some = slice(start, start + rows)
        if not counted[some].sum():
            continue  # its mean over no target would be no number
        width = int(batch["mask"][some].sum(1).max())
        part = {name: tensor[some] for name, tensor in batch.items()}
        part |= {name: part[name][:, :width].contiguous() for name in ("ids", "mask", "targets") if name in part}
        yield part, float(counted[some].sum() / counted.sum())
