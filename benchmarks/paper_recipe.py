"""The papers' recipe as a contender of `pa_mlm.py` and `score_with_lm.py`; prints a line of JSON.

As the authors do it: each row is made a sentence in Python, each batch is tokenized, padded to its longest and masked;
the masked-token head runs at every token; AdamW as PyTorch ships it takes all weights; a model in training mode with
the checkpoint's dropout. Kinder to it than their code: attention is PyTorch's fused one, special tokens are told by the
tokenizer and not by a loop, a GPU takes the whole batch at once (theirs took 16 rows, and added up gradients). Rows are
formatted and tokenized in the timed pass, in scoring too, as their loader does it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import count

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from clickprompt.ctr import CTR_MODELS, build_ctr_model
from lm_cases import CTR_MODEL, METHOD, RawRows, scored_rows
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
from recipe_batches import Batch, Collator, parts_of
from recipe_model import ATTENTION, PaperRecipe
from stopwatch import Enough, Stopwatch

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


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
            for part, share in parts_of(batch, options.micro or options.batch):
                on_device = {name: tensor.to(options.device, non_blocking=True) for name, tensor in part.items()}
                with autocast(options):
                    loss = loss_of(**on_device)
                scaler.scale(share * loss).backward()
                widths[part["ids"].shape[1]] += len(part["ids"])
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
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
    parser.add_argument("--micro", type=int, help="rows whose gradients are added up to a step's; default: all at once")
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
