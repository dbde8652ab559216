"""The ONNX graph of a model that reads words, from embedding rows and padded tokens."""

from __future__ import annotations

import torch

from clickprompt.export.language_module import LanguageModule
from clickprompt.export.traced_graph import OnnxGraph, traced_graph


def language_graph(module: LanguageModule) -> OnnxGraph:
    """Inputs int64 as `module.inputs` has them → `probability` float32 (rows,); sizes with a name are dynamic.

    The language model's weights are in the graph's initializers, the embedding table is apart.
    """
    free = torch.export.Dim.DYNAMIC
    open_sizes = tuple(
        {place: free for place, size in enumerate(shape) if isinstance(size, str)} for shape in module.inputs.values()
    )
    table = None if module.ctr is None else "ctr.table"
    return traced_graph(module, module.inputs, _examples(module), (open_sizes,), table)


def _examples(module: LanguageModule) -> tuple[torch.Tensor, ...]:
    """Ones: ids that every table has, and masks that hide nothing. No two free sizes are equal."""
    names = dict.fromkeys(size for shape in module.inputs.values() for size in shape if isinstance(size, str))
    sizes = {name: 3 + 2 * place for place, name in enumerate(names)}
    return tuple(
        torch.ones([sizes[size] if isinstance(size, str) else size for size in shape], dtype=torch.long)
        for shape in module.inputs.values()
    )
