"""`clickprompt serve`: scores over HTTP."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from clickprompt.cli.errors import errors


def serve(
    path: Annotated[
        Path, typer.Argument(metavar="BUNDLE|FOLDER", help="A bundle, or a folder of bundles or of MODEL/1, MODEL/2, …")
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.", show_default=True)] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", show_default=True)] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Requests must carry the token in it.  [default: the variable CLICKPROMPT_TOKEN, else none]",
        ),
    ] = None,
    poll_seconds: Annotated[float, typer.Option(help="How often to look for new versions.", show_default=True)] = 2.0,
    keep_versions: Annotated[
        int, typer.Option(help="Newest versions of each model that are served.", show_default=True)
    ] = 2,
    max_body_mb: Annotated[float, typer.Option(help="Larger requests get 413.", show_default=True)] = 8.0,
    max_rows: Annotated[int, typer.Option(help="Requests with more rows get 413.", show_default=True)] = 10_000,
    max_waiting: Annotated[
        int, typer.Option(help="When so many requests wait, further ones get 503.", show_default=True)
    ] = 512,
    max_connections: Annotated[
        int, typer.Option(help="When so many are open, further ones get 503.", show_default=True)
    ] = 1000,
    timeout: Annotated[float, typer.Option(help="Seconds to score a request in, else 504.", show_default=True)] = 5.0,
    read_timeout: Annotated[
        float, typer.Option(help="Seconds for a request to come in whole, else 408.", show_default=True)
    ] = 5.0,
    keep_alive: Annotated[
        float, typer.Option(help="Seconds after which idle connections are closed.", show_default=True)
    ] = 75.0,
    drain_seconds: Annotated[
        float, typer.Option(help="Seconds from 'not ready' to the end, when told to stop.", show_default=True)
    ] = 2.0,
    threads: Annotated[int | None, typer.Option(help="That score.  [default: as many as cores]")] = None,
    precision: Annotated[
        str,
        typer.Option(help="Of models that read words: auto, float32, bfloat16 or int8.", show_default=True),
    ] = "auto",
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where exported graphs are kept.  [default: the user's cache folder]"),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.", show_default=True)] = "info",
    access_log: Annotated[
        bool, typer.Option("--access-log/--no-access-log", help="A log line for each request.", show_default=True)
    ] = True,
    check: Annotated[
        bool, typer.Option("--check", help="Load everything, fill the cache, say what there is, and stop.")
    ] = False,
) -> None:
    """Answer scoring requests over HTTP: raw fields in, probabilities out.

    Open http://127.0.0.1:8000 for a page to try the models, /docs for all addresses. New versions in the folder are
    loaded, checked and swapped in while requests run. Logs are JSON lines on standard error.

    \b
    clickprompt serve runs/mine/bundles/id-only                 one model
    clickprompt serve models --host 0.0.0.0 --token-file token  models/NAME/1, models/NAME/2, …
    kill -HUP PID                                               new code or token, no request lost
    kill PID                                                    stop when all is answered

    \b
    curl localhost:8000/v1/score -d '{"context": {"user id": "1"}, "candidates": [{"title": "Heat"}]}'
    """
    with errors():
        from clickprompt.serving.launch import check_packages, checked_launch, report, start

        check_packages()
        launch = checked_launch(
            path,
            token_file,
            host=host,
            port=port,
            poll_seconds=poll_seconds,
            keep_versions=keep_versions,
            max_body_bytes=int(max_body_mb * 1e6) if math.isfinite(max_body_mb) else max_body_mb,
            max_rows=max_rows,
            max_waiting=max_waiting,
            max_connections=max_connections,
            timeout_seconds=timeout,
            read_seconds=read_timeout,
            keep_alive_seconds=keep_alive,
            drain_seconds=drain_seconds,
            threads=threads,
            precision=precision,
            cache=cache,
            log_level=log_level,
            access_log=access_log,
        )
        if not check:
            start(launch)
        lines, faults = report(launch)
        typer.echo("\n".join(lines))
        for fault in faults:
            print(f"error: {fault}", file=sys.stderr)
        if faults:
            raise typer.Exit(2)
