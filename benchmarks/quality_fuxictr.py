"""One FuxiCTR model with one seed on the rows that `ctr_quality.py` wrote. Runs in the peers' environment.

    quality_fuxictr.py FOLDER KIND SEED [--model-zoo FOLDER]

Trained by `fit` over FuxiCTR's own loader; the epoch with the best validation AUC is kept; test rows are read once.
Prints one line of JSON, its last.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import fuxictr
import numpy as np
import torch
from fuxictr.pytorch.dataloaders import RankDataLoader
from fuxictr.pytorch.torch_utils import seed_everything
from sklearn.metrics import log_loss, roc_auc_score

from fuxictr_models import build, feature_map_of
from quality_sizes import BATCH_SIZE, EMBEDDING_DIM, EPOCHS, FUXICTR, LEARNING_RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=FUXICTR)
    parser.add_argument("seed", type=int)
    parser.add_argument("--model-zoo", type=Path)
    options = parser.parse_args()
    vocabulary = json.loads((options.folder / "vocabulary.json").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "benchmark").mkdir()  # where FuxiCTR keeps the best weights
        features = feature_map_of(vocabulary, options.folder, EMBEDDING_DIM)
        seed_everything(options.seed)
        model = build(options.kind, features, Path(scratch), options.model_zoo, gpu=-1, **FUXICTR[options.kind])
        for group in model.optimizer.param_groups:
            group["lr"] = LEARNING_RATE
        model._reduce_lr_on_plateau, model._early_stop_patience = False, EPOCHS
        rows = {f"{split}_data": str(options.folder / f"{split}.npz") for split in ("train", "valid", "test")}
        train, valid, test = RankDataLoader(features, **rows, batch_size=BATCH_SIZE, shuffle=True, num_workers=0)
        started = time.perf_counter()
        model.fit(train, epochs=EPOCHS, validation_data=valid)
        seconds = time.perf_counter() - started
        labels = np.load(options.folder / "test.npz")["label"]
        scores = model.predict(test)
    record = {
        "test_auc": roc_auc_score(labels, scores),
        "test_log_loss": log_loss(labels, scores),
        "validation_auc": model._best_metric,
        "train_seconds": seconds,
        "parameters": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        "versions": {"fuxictr": fuxictr.__version__, "torch": torch.__version__},
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
