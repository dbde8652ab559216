"""A server's cache filled ahead, and more versions of a bundle that need no export of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

from clickprompt.bundle import replace_calibrator
from clickprompt.calibration import read_calibrator
from clickprompt.export.options import ExportOptions
from clickprompt.serving.graph_cache import GraphCache
from clickprompt.workflows.export import export


class CacheFilledHere(GraphCache):
    """Exports in this process, which has PyTorch loaded already."""

    def _export(self, bundle: Path, graph: Path, behind: bool) -> None:
        export(bundle, graph, ExportOptions(ids=True, external_data=True))


def another_version(bundle: Path, folder: Path, cache: Path, number: int) -> Path:
    """The same model with another manifest: for a server another bundle, whose graph is in the cache already."""
    shutil.copytree(bundle, folder)
    replace_calibrator(folder, read_calibrator(folder), {"number": number})
    if not GraphCache(cache).place(folder).exists():
        shutil.copytree(GraphCache(cache).place(bundle), GraphCache(cache).place(folder))
    return folder
