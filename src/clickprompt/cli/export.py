"""`clickprompt export`: files that run without this library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.errors import errors
from clickprompt.cli.recipe_runs import progress_bars


def export(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a trained model.")],
    format: Annotated[
        str,
        typer.Option(
            help="onnx, or torch: a .pt2 program of torch.export that takes embedding rows, as with --ids.",
            show_default=True,
        ),
    ] = "onnx",
    ids: Annotated[
        bool, typer.Option("--ids", help="Take embedding rows, not raw fields: whoever calls looks values up.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Hold the embedding table in 8-bit integers, a quarter of its size."),
    ] = False,
    layout: Annotated[
        str,
        typer.Option(help="file, or triton: a model repository of NVIDIA Triton (ONNX).", show_default=True),
    ] = "file",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="File, or folder of a repository or a model that reads words.  "
            "[default: <model>.onnx, <model>.pt2, model_repository, <model>-onnx]",
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows", metavar="FILE", help="Rows to check on.  [default: 4,000 made from the vocabulary; 200 for words]"
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of a text file of rows.", show_default=True)] = "utf-8",
    external_data: Annotated[
        bool,
        typer.Option("--external-data", help="Lay weights beside the ONNX file, in <name>.data, to be mapped."),
    ] = False,
    compile: Annotated[
        bool,
        typer.Option("--compile", help="Make machine code of a torch program; needs a C++ compiler."),
    ] = False,
) -> None:
    """Write a bundle as a file that runs without this library: raw fields in, probability out.

    By default one ONNX file holds everything: look-up of values, buckets of numbers, missing and unseen values, the
    model, its calibrator. ONNX Runtime alone runs it. Every export ends with a check against the library's own scores
    on thousands of rows, frequent, rare and odd ones; a file that differs by more than 0.00001 is not written.

    A model that reads words becomes a folder for offline scoring: model.onnx, which takes embedding rows and token ids,
    its tokenizer and vocabulary, and export.json, which tells how a row becomes these. It is checked on 200 rows.

    \b
    clickprompt export runs/mine/bundles/id-only                             raw fields in, id-only.onnx
    clickprompt export runs/mine/bundles/id-only --ids --int8                embedding rows in, small table
    clickprompt export runs/mine/bundles/id-only --layout triton --out repo  repo/id-only/1/model.onnx
    clickprompt export runs/mine/bundles/id-only --format torch --compile    id-only.pt2, machine code
    clickprompt export runs/mine/bundles/clickprompt-with-lm                 a folder, clickprompt-with-lm-onnx
    """
    with errors(), progress_bars() as progress:
        from clickprompt.export.options import export_options
        from clickprompt.workflows.export import export as workflow

        options = export_options(format, layout, ids=ids, int8=int8, external_data=external_data, compile=compile)
        typer.echo(workflow(bundle, out, options, rows, encoding, progress))
