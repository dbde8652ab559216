"""This library as a contender of `pa_mlm.py` and `score_with_lm.py`: its batches, its loop, its optimizers, as shipped.

Starts from prepared rows, in training and scoring: value indices, with each distinct value tokenized before the clock
starts; `lm_predict.py` starts from raw rows. Prints a line of JSON.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from safetensors.torch import load_file

from clickprompt.batches import SplitReader, TrainingSteps, sentences_at_once
from clickprompt.language import quantized
from clickprompt.methods import ClickPrompt
from clickprompt.table import Split
from clickprompt.training import (
    FinetuneWithLanguageModelConfig,
    PretrainConfig,
    build_optimizer,
    choose_device,
    train,
    wants_bfloat16,
)
from clickprompt.workflows import Data, Recipe, SilentProgress, prepare
from clickprompt.workflows.build import new_method
from clickprompt.workflows.scoring import score_rows
from lm_cases import recipe_data, scored_rows
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
from stopwatch import Enough, Stopwatch

EPOCHS = 10_000
"""The stopwatch ends training."""


def build(options: argparse.Namespace) -> tuple[ClickPrompt, Data]:
    """The method, from the weights that all contenders start from, and its rows."""
    settings = recipe_data(options.folder, options.model, dropout=dropout_of(options), pooling=options.pooling)
    recipe = Recipe.model_validate(settings)
    data = prepare(recipe, options.folder / "prepared", SilentProgress())
    method = new_method(recipe.method, recipe, data, pretraining=options.task == "pretrain")
    weights = load_file(options.folder / f"{options.model}.safetensors")
    missing, unexpected = method.load_state_dict(weights, strict=False)
    unset = [name for name in missing if not name.startswith(("language.", "masked_token_head."))]
    if unset or unexpected:
        raise ValueError(f"weights do not fit the method: {', '.join(unset + unexpected)}")
    return method, data


def learn(method: ClickPrompt, data: Data, options: argparse.Namespace, device: torch.device, watch: Stopwatch) -> None:
    """Steps, until the clock raises Enough."""
    shared = {"epochs": EPOCHS, "batch_size": options.batch, "precision": options.precision}
    pretraining = options.task == "pretrain"
    config = PretrainConfig(**shared) if pretraining else FinetuneWithLanguageModelConfig(**shared)
    steps = TrainingSteps(
        data.reader(["train"], reads="sentence"),
        batch_size=config.batch_size,
        micro_batch_size=config.micro_batch_size or sentences_at_once(device),
        seed=0,
        oov_dropout=config.oov_dropout,
        mask_rate=config.mask_rate if isinstance(config, PretrainConfig) else None,
    )
    rates = {"ctr": CTR_RATE, "language": 0.0 if options.task == "tune-frozen" else LANGUAGE_RATE}
    optimizer = build_optimizer(method.parts(), rates, config, method.embedding_tables())
    told = 0

    def report(done: int, note: str) -> None:
        nonlocal told
        rows, told = done - told, done
        watch.step(rows)

    loss = method.pretraining_loss if pretraining else method.click_loss
    amount = method.pretraining_amount if pretraining else method.click_amount
    train(method, steps, loss, amount, optimizer, config, device, report=report)


def reader_of(data: Data, rows: np.ndarray) -> SplitReader:
    """These training rows alone."""
    split = data.table.split("train")
    some = Split(split.value_ids[rows], split.labels[rows], None)
    return SplitReader([some], data.table.embedding_rows, data.table.statistics, data.sentences)


def main() -> None:
    parser = contender_options(__doc__, ("auto", "float32", "bfloat16", "int8"), "auto")
    options = parser.parse_args()
    if options.precision == "int8" and (options.task, options.device) != ("score", "cpu"):
        parser.error("int8 is for scoring on a CPU")
    device = choose_device(options.device)
    method, data = build(options)
    torch.manual_seed(0)
    method.to(device)
    precision = options.precision
    if precision == "int8":
        method.language = quantized(method.language)
    elif precision == "auto":
        precision = "bfloat16" if wants_bfloat16(device, precision, reads_words=True) else "float32"
    watch = stopwatch(options)
    try:
        if options.task == "score":
            chosen = scored_rows(len(data.table.split("train")), options.rows)
            computing = "float32" if precision == "int8" else options.precision  # of all that is not the encoder's
            time_scoring(
                lambda some: score_rows(method, reader_of(data, chosen[:some]), device, computing),
                *(options, watch, warm_up_rows(options)),
            )
        learn(method, data, options, device, watch)
    except Enough:
        print_record(watch, options, precision)


if __name__ == "__main__":
    main()
