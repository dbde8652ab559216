"""FuxiCTR and DeepCTR-Torch as contenders of `ctr_training.py`. Runs in the peers' environment; prints a line of JSON.

Each trains by its own `fit` over its own loader, with its regularizers off; their optimizers' hooks drive the clock.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speed_cases import CROSS_LAYERS, EMBEDDING_DIM, FIELDS, HIDDEN_SIZES, LEARNING_RATE, Case, read_case
from stopwatch import Enough, Stopwatch

EPOCHS = 1_000_000
"""The stopwatch ends training."""


def fuxictr(case: Case, ids: np.ndarray, labels: np.ndarray, folder: Path, device: str, watch: Stopwatch) -> None:
    """DCNv2 by `BaseModel.fit` over the Parquet files that its preprocessing writes, by its loader for those (Ray)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"f{n}": ids[:, n].astype(np.int64) for n in range(FIELDS)}
    pq.write_table(pa.table({**columns, "label": labels}), folder / "train.parquet")
    _fuxictr(case, folder, device, watch, "train.parquet", data_format="parquet")


def fuxictr_npz(case: Case, ids: np.ndarray, labels: np.ndarray, folder: Path, device: str, watch: Stopwatch) -> None:
    """The same over an npz file, which its loader holds in memory: the fastest of its ways.

    Two cores read faster without a worker process (81 thousand rows/s against 34).
    """
    np.savez(folder / "train.npz", **{f"f{n}": ids[:, n] for n in range(FIELDS)}, label=labels)
    _fuxictr(case, folder, device, watch, "train.npz", num_workers=4 if device == "cuda" else 0)


def _fuxictr(case: Case, folder: Path, device: str, watch: Stopwatch, file: str, **loading: Any) -> None:
    from fuxictr.pytorch.dataloaders import RankDataLoader

    from fuxictr_models import build, feature_map_of

    features = feature_map_of([case.per_field] * FIELDS, folder, EMBEDDING_DIM)
    sizes = {"hidden_units": list(HIDDEN_SIZES), "num_cross_layers": CROSS_LAYERS}
    model = build("dcn-v2", features, folder, None, gpu=0 if device == "cuda" else -1, **sizes)
    rows, _ = RankDataLoader(features, "train", str(folder / file), batch_size=case.batch, **loading)
    model._eval_steps = EPOCHS * len(rows)  # never: there are no validation rows
    model.optimizer.register_step_post_hook(lambda *_: watch.step(case.batch))
    model.fit(rows, epochs=EPOCHS)


def deepctr(case: Case, ids: np.ndarray, labels: np.ndarray, folder: Path, device: str, watch: Stopwatch) -> None:
    """DCN with `cross_parameterization="matrix"`, which is DCNv2, without the linear part that it adds by default."""
    from deepctr_torch.inputs import SparseFeat
    from deepctr_torch.models import DCN

    columns = [SparseFeat(f"f{n}", case.per_field, EMBEDDING_DIM) for n in range(FIELDS)]
    off = {f"l2_reg_{name}": 0 for name in ("linear", "embedding", "cross", "dnn")}
    model = DCN(
        *([], columns),
        cross_num=CROSS_LAYERS,
        cross_parameterization="matrix",
        dnn_hidden_units=HIDDEN_SIZES,
        device="cuda:0" if device == "cuda" else "cpu",
        **off,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    optimizer.register_step_post_hook(lambda *_: watch.step(case.batch))
    model.compile(optimizer, "binary_crossentropy")
    model.fit(*({f"f{n}": ids[:, n] for n in range(FIELDS)}, labels), batch_size=case.batch, epochs=EPOCHS, verbose=0)


CONTENDERS = {"fuxictr": fuxictr, "fuxictr-npz": fuxictr_npz, "deepctr-torch": deepctr}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    case, ids, labels = read_case(options.folder)
    torch.manual_seed(0)
    watch = Stopwatch(options.seconds, torch.cuda.synchronize if options.device == "cuda" else lambda: None)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            CONTENDERS[options.contender](case, np.asarray(ids), labels, Path(scratch), options.device, watch)
        except Enough:
            print(json.dumps(watch.record() | {"version": version(options.contender.removesuffix("-npz"))}))


if __name__ == "__main__":
    main()
