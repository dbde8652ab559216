"""Whether exported files score every row of a test split as Predictor does, and what a row costs them.

    python benchmarks/export_parity.py --bundle FOLDER [FOLDER ...] --prepared FOLDER [--quick] [--json FILE]

Bundles of models that read ids alone, and the prepared folder that they were trained on, whose value texts are the raw
rows. To every row of the test split come copies of some in which one field after another holds a value never seen,
white space, odd Unicode. Each file is written by `clickprompt export`'s own function, then opened anew and scored here.
Differences are of probabilities. AUC is of the test rows alone. Microseconds a row are the fastest of ten passes over
500 rows, one thread; a file that takes raw fields does the look-up in that time, the others are handed embedding rows.
`--quick` takes 2,000 test rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clickprompt.bundle import Predictor
from clickprompt.contracts import MISSING
from clickprompt.evaluation import auc
from clickprompt.export.options import ExportOptions
from clickprompt.export.torch_export import torch_runner
from clickprompt.settings import ClickPromptError
from clickprompt.table.prepared import PreparedTable
from clickprompt.workflows.export import export

FILES = {
    "ONNX, raw fields": ("model.onnx", ExportOptions()),
    "ONNX, ids": ("model.onnx", ExportOptions(ids=True)),
    "ONNX, raw fields, int8": ("model.onnx", ExportOptions(int8=True)),
    "torch.export": ("model.pt2", ExportOptions(format="torch")),
    "AOTInductor": ("model.pt2", ExportOptions(format="torch", compile=True)),
}
ODD = ("", " ", "\x85\u3000\u2028", "never seen", "unknown", "日本語", "e\u0301", "\U0001f3bb", "a\x00b", "x" * 3_000)
AT_ONCE, TIMED_ROWS, PASSES, QUICK_ROWS = 8_192, 500, 10, 2_000
Feed = dict[str, np.ndarray]


def raw_rows(prepared: PreparedTable, most: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns of texts of test rows and of their odd copies, and the labels of the former."""
    fields, split = prepared.schema.fields, prepared.split("test")
    if any(field.kind == "list" for field in fields):
        raise ClickPromptError(f"{prepared.folder}: has list fields, whose raw cells a prepared folder does not keep")
    texts = np.array(prepared.value_texts[0].to_pylist(), dtype=object)
    ids, labels = np.asarray(split.value_ids[:most]), split.labels[:most]
    columns = {field.name: texts[ids[:, place]] for place, field in enumerate(fields)}
    random, texts_of_odd = np.random.default_rng(0), len(ODD)
    words = [field.name for field in fields if field.kind != "numeric"]
    some = random.integers(0, len(labels), texts_of_odd * len(words))
    copies = {name: column[some] for name, column in columns.items()}
    for place, name in enumerate(words):
        copies[name][place * texts_of_odd : (place + 1) * texts_of_odd] = ODD
    return {name: np.concatenate([columns[name], copies[name]]) for name in columns}, labels


def raw_inputs(prepared: PreparedTable, columns: dict[str, np.ndarray]) -> Feed:
    """What a file that takes raw fields is given: texts as they are, numbers as float64."""
    feed = {}
    for field in prepared.schema.fields:
        cells = columns[field.name]
        if field.kind == "numeric":
            cells = np.array([np.nan if text in ("", MISSING) else float(text) for text in cells])
        if field.score_as is None:
            feed[field.name] = cells
    return feed


def opened(path: Path, compiled: bool) -> Callable[[Feed], np.ndarray]:
    """An exported file as a function of its inputs."""
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda feed: session.run(["probability"], feed)[0]
    return torch_runner(path, compiled=compiled)


def in_parts(run: Callable[[Feed], np.ndarray], feed: Feed) -> np.ndarray:
    """Probabilities of all rows."""
    rows = len(next(iter(feed.values())))
    return np.concatenate(
        [run({name: a[start : start + AT_ONCE] for name, a in feed.items()}) for start in range(0, rows, AT_ONCE)]
    )


def microseconds(run: Callable[[Feed], np.ndarray], feed: Feed) -> float:
    """Of a row, where 500 come at once."""
    some, fastest = {name: array[:TIMED_ROWS] for name, array in feed.items()}, np.inf
    for _ in range(PASSES):
        started = time.perf_counter()
        run(some)
        fastest = min(fastest, time.perf_counter() - started)
    return 1e6 * fastest / min(TIMED_ROWS, len(next(iter(some.values()))))


def measure(folder: Path, prepared: PreparedTable, most: int) -> list[dict[str, Any]]:
    """A record for each kind of file."""
    predictor = Predictor.load(folder)
    columns, labels = raw_rows(prepared, most)
    expected, rows = predictor.predict(columns), len(labels)
    raw = raw_inputs(prepared, columns)
    ids = {"feature_ids": predictor.bundle.vocabulary.encode(columns).feature_ids.astype(np.int64)}
    reference, records = auc(labels, expected[:rows]), []
    for name, (file, options) in FILES.items():
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / file
            started = time.perf_counter()
            export(folder, path, options)
            seconds, feed = time.perf_counter() - started, raw if "raw" in name else ids
            run = opened(path, options.compile)
            found = in_parts(run, feed)
            records.append(
                {
                    "case": folder.name,
                    "contender": name,
                    "rows": len(found),
                    "largest_difference": float(np.abs(found.astype(np.float64) - expected).max()),
                    "auc": auc(labels, found[:rows]),
                    "auc_difference": auc(labels, found[:rows]) - reference,
                    "microseconds_a_row": microseconds(run, feed),
                    "export_seconds": seconds,
                    "megabytes": path.stat().st_size / 1e6,
                }
            )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, nargs="+", required=True, help="folders of models that read ids alone")
    parser.add_argument("--prepared", type=Path, required=True, help="the prepared folder that they were trained on")
    parser.add_argument("--quick", action="store_true", help="2,000 test rows")
    parser.add_argument("--json", type=Path, help="file to write every record to")
    options = parser.parse_args()
    torch.set_num_threads(1)
    prepared, records = PreparedTable.open(options.prepared), []
    heads = ("bundle", "file", "rows", "largest Δ", "AUC", "ΔAUC", "µs a row", "export s", "MB")
    print(" | ".join(heads))
    for folder in options.bundle:
        for record in measure(folder, prepared, QUICK_ROWS if options.quick else 2**31):
            records.append(record)
            print(
                f"{record['case']} | {record['contender']} | {record['rows']:,} | {record['largest_difference']:.1e} | "
                f"{record['auc']:.5f} | {record['auc_difference']:+.1e} | {record['microseconds_a_row']:.1f} | "
                f"{record['export_seconds']:.1f} | {record['megabytes']:.1f}",
                flush=True,
            )
    if options.json is not None:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
