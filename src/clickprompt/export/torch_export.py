"""An ID model as a program of torch.export, as it is or translated to machine code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from clickprompt.bundle import Bundle
from clickprompt.export.parity import Feed, Parity, Rows, Run
from clickprompt.export.quiet import quiet_exporters
from clickprompt.export.scoring_module import dynamic_shapes, example_inputs, scoring_module
from clickprompt.settings import ClickPromptError, first_line


def export_torch(bundle: Bundle, path: Path, rows: Rows, *, int8: bool = False, compile: bool = False) -> Parity:
    """Write the model of a bundle that reads ids alone to `path` (.pt2), and check the file on `rows`.

    It takes embedding rows: feature_ids int64 (rows, fields), then for each list field its items int64 (rows, items)
    padded with −1, and returns probabilities float32 (rows,). With `compile` the file holds machine code of AOTInductor
    for this kind of processor. Raises ClickPromptError where it differs from Predictor, and where there is no compiler.
    """
    module = scoring_module(bundle, int8=int8)
    with quiet_exporters(), torch.no_grad():
        program = torch.export.export(module, example_inputs(module), dynamic_shapes=dynamic_shapes(module))
        if compile:
            _compile(program, path)
        else:
            torch.export.save(program, path)
        run = torch_runner(path, compiled=compile)
    return rows.check(run, rows.ids, module if int8 else None)


def _compile(program: torch.export.ExportedProgram, path: Path) -> None:
    from torch._inductor import aoti_compile_and_package

    try:
        aoti_compile_and_package(program, package_path=str(path))
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise ClickPromptError(
            f"--compile: torch's AOTInductor failed ({first_line(error)}); it needs a C++ compiler such as g++: "
            "install one, or leave out --compile"
        ) from error


def torch_runner(path: Path, *, compiled: bool) -> Run:
    """The file, opened; `compiled` where it holds machine code."""
    model: Callable[..., torch.Tensor]
    if compiled:
        from torch._inductor import aoti_load_package

        model = aoti_load_package(str(path))
    else:
        model = torch.export.load(path).module()

    @torch.inference_mode()
    def run(feed: Feed) -> np.ndarray:
        return model(*(torch.from_numpy(array) for array in feed.values())).numpy()

    return run
