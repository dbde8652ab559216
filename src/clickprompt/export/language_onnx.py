"""A bundle that reads words as a folder that ONNX Runtime scores with: graph, tokenizer, vocabulary, description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.bundle import Bundle, token_batches
from clickprompt.contracts import Progress
from clickprompt.export.language_graph import language_graph
from clickprompt.export.language_module import language_module
from clickprompt.export.metadata import metadata, model_name, set_metadata
from clickprompt.export.onnx_export import onnx_runner
from clickprompt.export.onnx_file import write_onnx
from clickprompt.export.options import ExportOptions
from clickprompt.export.parity import Rows
from clickprompt.export.sentence_rules import meaning, sentence_rules
from clickprompt.settings import ClickPromptError
from clickprompt.storage import new_folder, write_manifest

DESCRIPTION, GRAPH = "export.json", "model.onnx"
KIND, FORMAT = "clickprompt language export", 1


def export_language(
    bundle: Bundle,
    out: Path | None,
    columns: Mapping[str, Sequence[Any]],
    options: ExportOptions,
    progress: Progress,
) -> str:
    """Write the folder whole or not at all, unless it differs from `Predictor` on the rows, and return what to tell
    the user.

    It holds `model.onnx` (embedding rows and token ids in, see `language_module`), `tokenizer.json` and
    `special_tokens.json`, the vocabulary, and `export.json`, which tells how a row becomes the inputs; in Python
    `clickprompt.bundle.token_inputs` makes them. Raises ClickPromptError for a model that has no such form, options
    that are not for one, rows that cannot be read, and a place that holds something else.
    """
    options.refuse_for_words(bundle.folder)
    folder = out or Path(f"{model_name(bundle)}-onnx")
    check_replaceable(folder)
    module = language_module(bundle)
    rows = Rows(bundle, columns, str(folder))
    graph = language_graph(module)
    about = metadata(bundle, inputs=meaning(module, bundle.vocabulary.schema))
    set_metadata(graph.model, about)
    assert bundle.tokenizer is not None
    with new_folder(folder) as new:
        write_onnx(new / GRAPH, graph.model, graph.tables, external_data=options.external_data)
        bundle.tokenizer.save(new)
        bundle.vocabulary.save(new)
        write_manifest(new, DESCRIPTION, {**about, "sentence": sentence_rules(bundle)}, kind=KIND, version=FORMAT)
        found = _scored(new / GRAPH, bundle, columns, progress)
        parity = rows.check(lambda feed: found[feed["row"]], {"row": np.arange(len(found))})
        size = sum(file.stat().st_size for file in new.glob(f"{GRAPH}*"))
    return f"{folder / GRAPH}: {size / 1e6:,.1f} MB, {parity}\nhow rows become its inputs: {folder / DESCRIPTION}"


def check_replaceable(folder: Path) -> None:
    """Raises ClickPromptError where the place is taken by anything but an older export, or is named as a file."""
    if folder.suffix == ".onnx":
        raise ClickPromptError(
            f"--out {folder}: a model that reads words becomes a folder; name one, such as {folder.with_suffix('')}"
        )
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / DESCRIPTION).is_file()):
        raise ClickPromptError(
            f"--out {folder}: holds something else than an export of a model that reads words; name a new folder"
        )


def _scored(path: Path, bundle: Bundle, columns: Mapping[str, Sequence[Any]], progress: Progress) -> np.ndarray:
    """Probabilities float32 (rows,) by the file itself: all rows in batches, the first of them once more alone."""
    run = onnx_runner(path)
    rows = max((len(column) for column in columns.values()), default=0)
    report, done = progress.start("check", rows, "rows"), 0
    found = np.full(rows, np.nan, np.float32)
    for some, inputs in token_batches(bundle, columns):
        found[some] = run(inputs)
        done += len(some)
        report(done, "")
    for some, inputs in token_batches(bundle, {name: column[:2] for name, column in columns.items()}, at_once=1):
        found[some] = run(inputs)
    return found
