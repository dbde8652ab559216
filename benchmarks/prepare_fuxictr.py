"""FuxiCTR's preprocessing as a contender of `prepare.py`. Runs in the peers' environment; prints a line of JSON.

    prepare_fuxictr.py FOLDER OUT

Reads `train.csv`, `validation.csv` and `test.csv` of the folder, every column but `label` a categorical feature, and
writes its vocabulary and Parquet files of indices, as `build_dataset` of its experiments does.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported


def main() -> None:
    folder, out = map(Path, sys.argv[1:])
    import fuxictr
    from fuxictr.preprocess import FeatureProcessor, build_dataset

    with (folder / "train.csv").open(newline="", encoding="utf-8") as file:
        names = [name for name in next(csv.reader(file)) if name != "label"]
    started = time.perf_counter()
    processor = FeatureProcessor(
        feature_cols=[{"name": names, "active": True, "dtype": "str", "type": "categorical"}],
        label_col={"name": "label", "dtype": "float"},
        dataset_id="prepared",
        data_root=str(out),
    )
    rows = {name: str(folder / f"{file}.csv") for name, file in
            (("train_data", "train"), ("valid_data", "validation"), ("test_data", "test"))}  # fmt: skip
    build_dataset(processor, **rows, min_categr_count=1, data_format="csv")
    seconds = time.perf_counter() - started
    sizes = [feature["vocab_size"] - 2 for feature in processor.feature_map.features.values()]  # padding and OOV
    print(json.dumps({"inside_seconds": seconds, "values": sum(sizes), "version": fuxictr.__version__}))


if __name__ == "__main__":
    main()
