"""A bundle as a file that other software runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickprompt.bundle import Bundle, Predictor, load_bundle
from clickprompt.contracts import Progress
from clickprompt.export.options import ExportOptions
from clickprompt.settings import ClickPromptError
from clickprompt.workflows.progress import SilentProgress

if TYPE_CHECKING:
    from clickprompt.export.parity import Parity, Rows

SILENT = SilentProgress()
DEFAULT = ExportOptions()

_MOST_ROWS = 100_000
"""Rows of a file that the check reads."""
_SENTENCES = 200
"""Rows made up where each is a whole pass through a language model."""


def export(
    bundle: Path,
    out: Path | None = None,
    options: ExportOptions = DEFAULT,
    rows: Path | None = None,
    encoding: str = "utf-8",
    progress: Progress = SILENT,
) -> str:
    """Write the bundle's model to `out` and return what to tell the user.

    The file is checked against `Predictor` on the rows of a file, or else on rows put together from the vocabulary.
    Raises ClickPromptError, and writes nothing, where it differs; for a damaged bundle, unreadable rows, or a package
    that is missing.
    """
    _require_packages(options)
    opened = load_bundle(bundle)
    if opened.reads != "ids":
        options.refuse_for_words(bundle)
    Predictor(opened)  # refuses controls that can score no new rows
    columns = _columns(opened, rows, encoding)
    if opened.reads != "ids":
        from clickprompt.export.language_onnx import export_language

        return export_language(opened, out, columns, options, progress)
    return _export_ids(opened, out, options, columns)


def _export_ids(bundle: Bundle, out: Path | None, options: ExportOptions, columns: Mapping[str, Sequence[Any]]) -> str:
    """A model that reads ids alone, in the format and layout asked for."""
    from clickprompt.export.metadata import model_name
    from clickprompt.export.parity import Rows
    from clickprompt.export.whole_files import whole_files

    name = model_name(bundle)
    if options.layout == "triton":
        from clickprompt.export import triton

        schema = bundle.vocabulary.schema
        version = triton.next_version(out or Path("model_repository"), name, schema, ids=options.ids)
        out = triton.version_file(version)
        place = triton.new_version(version, triton.config_text(name, schema, ids=options.ids))
    else:
        ending = ".onnx" if options.format == "onnx" else ".pt2"
        out = out or Path(f"{name}{ending}")
        if out.suffix != ending:
            raise ClickPromptError(f"--out {out}: --format {options.format} writes {ending} files; name one")
        place = whole_files(out)
    with place as file:
        rows = Rows(bundle, columns, str(out))
        parity = _write(bundle, file, rows, options)
    return f"{out}: {_size(out)}, {parity}"


def _write(bundle: Bundle, file: Path, rows: Rows, options: ExportOptions) -> Parity:
    if options.format == "torch":
        from clickprompt.export.torch_export import export_torch

        return export_torch(bundle, file, rows, int8=options.int8, compile=options.compile)
    from clickprompt.export.onnx_export import export_onnx

    return export_onnx(bundle, file, rows, ids=options.ids, int8=options.int8, external_data=options.external_data)


def _columns(bundle: Bundle, rows: Path | None, encoding: str) -> Mapping[str, Sequence[Any]]:
    """Cells of the rows that the check reads, by field."""
    if rows is None:
        from clickprompt.export.sample_rows import sample_rows

        return sample_rows(bundle.vocabulary) if bundle.reads == "ids" else sample_rows(bundle.vocabulary, _SENTENCES)
    from clickprompt.table import read_rows

    frame = read_rows(rows, encoding=encoding).head(_MOST_ROWS)
    names = [name for name in bundle.vocabulary.schema.names if name in frame.columns]
    if frame.is_empty() or not names:
        what = "the file has no rows" if names else "the file has none of the model's fields as a column"
        raise ClickPromptError(f"{rows}: {what}; give rows as `clickprompt predict` takes them, or leave out --rows")
    columns = {name: frame[name].to_list() for name in names}
    try:
        bundle.vocabulary.encode(columns)
    except ClickPromptError as error:
        raise ClickPromptError(f"{rows}, {error}") from None
    return columns


def _require_packages(options: ExportOptions) -> None:
    for name in ("onnx", "onnxruntime", "onnxscript") if options.format == "onnx" else ():
        if find_spec(name) is None:
            raise ClickPromptError(f'export: the package {name} is missing; pip install "clickprompt[export]"')


def _size(path: Path) -> str:
    """Of the file and the weights beside it."""
    from clickprompt.export.whole_files import data_beside

    data = data_beside(path)
    size = path.stat().st_size + (data.stat().st_size if data.exists() else 0)
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
