"""This library as a contender of `ctr_training.py`: its batches, its loop, its optimizers. Prints one line of JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from clickprompt.batches import SplitReader, TrainingSteps
from clickprompt.contracts import FieldStatistics
from clickprompt.ctr import CTR_MODELS, build_ctr_model
from clickprompt.methods import IDOnly
from clickprompt.table import Split
from clickprompt.training import TrainingConfig, build_optimizer, choose_device, train
from speed_cases import CROSS_LAYERS, EMBEDDING_DIM, FIELDS, HIDDEN_SIZES, LEARNING_RATE, read_case
from stopwatch import Enough, Stopwatch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--embedding-optimizer", default="auto")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    case, ids, labels = read_case(options.folder)
    offsets = np.arange(FIELDS + 1) * case.per_field
    value_ids = options.folder / "value_ids.npy"
    np.save(value_ids, (ids + offsets[:-1]).astype(np.int32))
    split = Split(np.load(value_ids, mmap_mode="r"), labels, None)
    names = tuple(f"field {n}" for n in range(FIELDS))
    about = FieldStatistics(names, ("context",) * FIELDS, offsets, np.ones(offsets[-1]))
    reader = SplitReader([split], np.arange(offsets[-1], dtype=np.int32), about)

    device = choose_device(options.device)
    torch.manual_seed(0)
    sizes = {"embedding_dim": EMBEDDING_DIM, "cross_layers": CROSS_LAYERS, "hidden_sizes": HIDDEN_SIZES}
    method = IDOnly(build_ctr_model(CTR_MODELS["dcn-v2"](**sizes), FIELDS, about.num_embeddings)).to(device)
    config = TrainingConfig(
        epochs=1_000_000,  # the stopwatch ends it
        batch_size=case.batch,
        ctr_learning_rate=LEARNING_RATE,
        embedding_optimizer=options.embedding_optimizer,
        precision=options.precision,
    )
    steps = TrainingSteps(
        reader, batch_size=case.batch, micro_batch_size=case.batch, seed=0, oov_dropout=config.oov_dropout
    )
    optimizer = build_optimizer(method.parts(), {"ctr": LEARNING_RATE}, config, method.embedding_tables())
    watch = Stopwatch(options.seconds, torch.cuda.synchronize if device.type == "cuda" else lambda: None)
    try:
        train(
            *(method, steps, method.click_loss, method.click_amount, optimizer, config, device),
            report=lambda done, note: watch.step(case.batch),
        )
    except Enough:
        print(json.dumps(watch.record() | {"version": torch.__version__}))


if __name__ == "__main__":
    main()
