"""The papers' recipe as a contender of `pa_mlm.py` and `score_with_lm.py`; prints a line of JSON.

As the authors do it: each row is made a sentence in Python, each batch is tokenized, padded to its longest and masked;
the masked-token head runs at every token; AdamW as PyTorch ships it takes all weights; a model in training mode with
the checkpoint's dropout. Kinder to it than their code: attention is PyTorch's fused one, special tokens are told by the
tokenizer and not by a loop, a GPU takes the whole batch at once (theirs took 16 rows, and added up gradients).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerBase

from clickprompt.ctr import CTR_MODELS, build_ctr_model
from lm_cases import CTR_MODEL, MAX_LENGTH, METHOD, RawRows, scored_rows
from lm_contender import (
    CTR_RATE,
    LANGUAGE_RATE,
    contender_options,
    dropout_of,
    print_record,
    stopwatch,
    time_scoring,
    warm_up_rows,
)
from lm_flops import MASK_RATE
from recipe_model import ATTENTION, PaperRecipe
from stopwatch import Enough, Stopwatch

IGNORED = -100
"""Target of a token that the loss passes over."""
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}

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


def build(options: argparse.Namespace, num_fields: int) -> PaperRecipe:
    """The model, from the weights that all contenders start from."""
    checkpoint = options.folder / options.model
    shape = AutoConfig.from_pretrained(checkpoint)
    dropout = dropout_of(options)
    if dropout is not None:
        shape.hidden_dropout_prob = shape.attention_probs_dropout_prob = dropout
    language = AutoModelForMaskedLM.from_pretrained(
        checkpoint, config=shape, attn_implementation=ATTENTION, dtype=torch.float32
    )
    weights = load_file(options.folder / f"{options.model}.safetensors")
    sizes = {name: value for name, value in CTR_MODEL.items() if name != "kind"}
    config = CTR_MODELS[CTR_MODEL["kind"]](**sizes)
    ctr = build_ctr_model(config, num_fields, len(weights["ctr.embedding.weight"]))
    model = PaperRecipe(language, ctr, METHOD["prompt"]["length"], options.pooling)
    model.load_library_weights(weights)
    return model.to(options.device)


def learn(
    model: PaperRecipe,
    batches: Iterable[Batch],
    options: argparse.Namespace,
    watch: Stopwatch,
    widths: Counter[int],
) -> None:
    """Steps, until the clock raises Enough."""
    if options.task == "tune-frozen":
        model.language.requires_grad_(False)
    language = {id(parameter) for parameter in model.language.parameters()}
    groups = [
        {"params": list(model.language.parameters()), "lr": LANGUAGE_RATE},
        {"params": [p for p in model.parameters() if id(p) not in language], "lr": CTR_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    scaler = torch.amp.GradScaler(options.device, enabled=options.precision == "float16")
    loss_of: Callable[..., Tensor] = model.pretraining_loss if options.task == "pretrain" else model.click_loss
    model.train()
    for _ in count():
        for batch in batches:
            on_device = {name: tensor.to(options.device, non_blocking=True) for name, tensor in batch.items()}
            with autocast(options):
                loss = loss_of(**on_device)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            widths[batch["ids"].shape[1]] += len(batch["ids"])
            watch.step(len(batch["ids"]))


@torch.inference_mode()
def score(
    model: PaperRecipe, batches: Iterable[Batch], options: argparse.Namespace, widths: Counter[int]
) -> np.ndarray:
    """Logits, float32 (rows,)."""
    logits = []
    for batch in batches:
        widths[batch["ids"].shape[1]] += len(batch["ids"])
        on_device = {name: tensor.to(options.device) for name, tensor in batch.items() if name != "labels"}
        with autocast(options):
            logits.append(model(**on_device).float().cpu())
    return torch.cat(logits).numpy()


def autocast(options: argparse.Namespace) -> AbstractContextManager[object]:
    """The context a forward pass runs in."""
    half = HALF.get(options.precision)
    return nullcontext() if half is None else torch.autocast(options.device, dtype=half)


def main() -> None:
    parser = contender_options(__doc__, ("float32", "bfloat16", "float16"), "float32")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches; the authors had none")
    options = parser.parse_args()
    if options.precision == "float16" and options.device == "cpu":
        parser.error("float16 needs --device cuda")
    rows = RawRows.read(options.folder)
    tokenizer = AutoTokenizer.from_pretrained(options.folder / options.model)
    torch.manual_seed(0)
    model = build(options, len(rows.fields))
    collate = Collator(rows, tokenizer, masking=options.task == "pretrain")
    loading = {
        "batch_size": options.batch,
        "collate_fn": collate,
        "num_workers": options.workers,
        "pin_memory": options.device == "cuda",
    }
    watch = stopwatch(options)
    widths: Counter[int] = Counter()
    try:
        if options.task == "score":
            model.eval()
            chosen = scored_rows(len(rows.values), options.rows).tolist()
            time_scoring(
                lambda some: score(model, DataLoader(chosen[:some], **loading), options, widths),
                *(options, watch, warm_up_rows(options)),
            )
        learn(model, DataLoader(range(len(rows.values)), shuffle=True, **loading), options, watch, widths)
    except Enough:
        print_record(watch, options, options.precision, widths=widths)


if __name__ == "__main__":
    main()
