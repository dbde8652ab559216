"""The command line: a thin shell over the workflows. `--help` loads none of them."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickprompt.contracts import Progress
    from clickprompt.workflows.data import Data
    from clickprompt.workflows.recipe import Recipe
    from clickprompt.workflows.runs import RunFolder

app = typer.Typer(
    help="Click-through-rate models that understand words.\n\n"
    "Start with:  clickprompt run recipes/movielens-100k/quickstart.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="YAML file that describes the run.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as pretrain.epochs=3. Repeatable."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder of the run.  [default: runs/<recipe's folder>/<its name>]"),
]
Prepared = Annotated[
    Path | None,
    typer.Option("--prepared", metavar="DIR", help="Prepared folder to make or reuse.  [default: <out>/prepared]"),
]

Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--no-resume", help="Go on from checkpoints that a stopped run has left in the folder, or start anew."
    ),
]

OnBadRow = Annotated[
    str | None,
    typer.Option(
        "--on-bad-row",
        metavar="error|skip|quarantine",
        help="What becomes of rows that cannot be used: an error, left out, or left out and put aside beside the "
        "prepared folder.  [default: the recipe's data.on_bad_row]",
    ),
]


@app.command(short_help="Read, split, number and tokenize raw rows.")
def prepare(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    on_bad_row: OnBadRow = None,
) -> None:
    """Read raw rows, split them, number their values, tokenize their texts."""
    with _running(recipe, _with_bad_rows(set_, on_bad_row), out, prepared) as (_, folder, data, progress):
        for name, split in data.table.manifest["splits"].items():
            progress.say(f"{name}: {split['rows']:,} rows, {split['positive_share']:.1%} positive")
        progress.say(f"prepared: {folder.prepared}")


@app.command(short_help="PA-MLM: teach the ID model what the words mean.")
def pretrain(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    resume: Resume = True,
    on_bad_row: OnBadRow = None,
) -> None:
    """Pretrain without labels: PA-MLM teaches the ID model what the words mean."""
    set_ = _with_bad_rows(set_, on_bad_row)
    with _running(recipe, set_, out, prepared, resume) as (settings, folder, data, progress):
        from clickprompt.workflows.pretrain import pretrain as workflow

        workflow(settings, folder, data, progress)


@app.command(short_help="Train each model on clicks and save its bundle.")
def finetune(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    resume: Resume = True,
    on_bad_row: OnBadRow = None,
) -> None:
    """Train every model of the recipe on clicks and save its bundle; pretrains first where that is still to do."""
    set_ = _with_bad_rows(set_, on_bad_row)
    with _running(recipe, set_, out, prepared, resume) as (settings, folder, data, progress):
        from clickprompt.workflows.finetune import finetune as workflow

        for model in settings.trained_models:
            workflow(settings, model, folder, data, progress)


@app.command(short_help="Score the test rows; write metrics and report.")
def evaluate(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    slices: Annotated[
        bool, typer.Option("--slices", help="Also print the measures on cold rows and on the long tail.")
    ] = False,
    on_bad_row: OnBadRow = None,
) -> None:
    """Score the test rows with every trained model; write metrics.json, history.csv and report.html."""
    with _running(recipe, _with_bad_rows(set_, on_bad_row), out, prepared) as (settings, folder, data, progress):
        from clickprompt.workflows.run import conclude

        records = conclude(settings, folder, data, progress)
    if slices:
        from clickprompt.workflows.show import slice_results

        slice_results(records)
    _results(records, folder)


@app.command(short_help="All of it, passing over what is already done.")
def run(
    recipe: RecipePath,
    set_: Settings = None,
    out: Out = None,
    prepared: Prepared = None,
    resume: Resume = True,
    on_bad_row: OnBadRow = None,
) -> None:
    """Do all of it: prepare, pretrain, finetune, evaluate. Steps already done with the same inputs are passed over."""
    set_ = _with_bad_rows(set_, on_bad_row)
    with _settings(recipe, set_, out, prepared, resume) as (settings, folder, progress):
        from clickprompt.workflows.run import run as workflow

        records = workflow(settings, folder, progress)
    _results(records, folder)


@app.command(short_help="Run a grid of models and data sets; write its tables.")
def study(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="YAML file that describes the grid.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done and how long it takes.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="KEY=VALUE",
            help="Run a part: data_set, method, ctr_model, language_model or seed. Repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of runs, which studies share.", show_default=True)
    ] = Path("runs/studies"),
) -> None:
    """Run data sets × methods × models × seeds; write results.parquet and tables. What is done is passed over."""
    with _errors():
        from clickprompt.training import signals_stop_training
        from clickprompt.workflows.study import print_plan, run_study

        if dry_run:
            print_plan(study, out, only or [])
            return
        with signals_stop_training(), _progress() as progress:
            try:
                folder, failures = run_study(study, out, progress, only or [])
            except KeyboardInterrupt:
                progress.say("stopped; finished steps are kept: run the same command again to go on")
                raise
    typer.echo(f"tables: {folder / 'tables.md'}\nresults: {folder / 'results.parquet'}")
    if failures:
        print(f"error: {failures} trials or cells failed; results.parquet says why", file=sys.stderr)
        raise typer.Exit(2)


@app.command(short_help="Score raw rows with a bundle.")
def predict(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a trained model.")],
    rows: Annotated[Path, typer.Argument(metavar="ROWS", help="CSV, TSV, Parquet, Arrow or JSON-lines file.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Parquet or CSV.  [default: <ROWS>.scored.parquet]")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of a text file.", show_default=True)] = "utf-8",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", show_default=True)] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="auto, float32, bfloat16 (any model; slow where the device does not compute it natively) or int8 "
            "(models that read words, on CPUs).  auto: bfloat16 for models that read words where it is native, else "
            "float32.",
            show_default=True,
        ),
    ] = "auto",
) -> None:
    """Score raw rows: writes them with a column `probability` beside them."""
    with _errors(), _progress() as progress:
        from clickprompt.workflows.predict import predict as workflow

        typer.echo(workflow(bundle, rows, out, encoding, device, progress, precision))


@app.command(short_help="Train a bundle on new rows; publish it if it passes.")
def update(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL|BUNDLE", help="Folder of a model's versions, or a bundle with --out.")
    ],
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="ROWS...", help="New rows: files, or patterns such as 'day-*.csv'.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the versions of a bundle that stands alone.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the new rows.", show_default=True)] = 1,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the ID model.  [default: as the bundle was trained]")
    ] = None,
    holdout: Annotated[
        float, typer.Option(help="Share of the rows, the newest, that the gate judges by.", show_default=True)
    ] = 0.1,
    drop_unseen: Annotated[
        int | None, typer.Option(metavar="N", help="Drop values that N updates in a row have not seen.")
    ] = None,
    new_rows: Annotated[
        str, typer.Option(help="What new values' embedding rows start from: mean or oov.", show_default=True)
    ] = "mean",
    gate: Annotated[
        list[str] | None,
        typer.Option(
            "--gate",
            metavar="KEY=VALUE",
            help="min_rows, min_of_each, max_auc_drop, max_log_loss_rise, max_calibration_error or max_oov_rise. "
            "Repeatable.",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of the label.  [default: as in the bundle's recipe]")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Labels of at least this are clicks.  [likewise]")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of sample weights.  [likewise]")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Column that orders the rows in time.  [likewise]")] = None,
    on_bad_row: Annotated[
        str | None,
        typer.Option(help="error, skip or quarantine: what becomes of rows that cannot be used.  [likewise]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish where too few rows are held out to judge; learn rows again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be learned; change nothing.")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Publish the version that the newest was made of once more.")
    ] = False,
) -> None:
    """Train a model's newest version on new rows; publish the result as its next version if it passes a gate.

    Exit status 0: published, or already done; 3: it did not pass, and the newest version stays; 2: an error.
    """
    with _errors():
        from clickprompt.settings import ClickPromptError
        from clickprompt.training import signals_stop_training
        from clickprompt.workflows import update as workflow

        if rollback:
            if rows:
                raise ClickPromptError("--rollback reads no rows; leave them out")
            version, before = workflow.rollback(model)
            typer.echo(f"rolled back: {model / str(version)} is version {before} again")
            return
        if not rows:
            raise ClickPromptError("ROWS: name the files of new rows, or say --rollback")
        settings = workflow.update_config(gate or [], epochs, learning_rate, holdout, drop_unseen, new_rows)
        columns = workflow.rows_config(label, threshold, weight, timestamp, on_bad_row)
        with signals_stop_training(), _progress() as progress:
            done = workflow.update(model, rows, settings, out, columns, progress, force=force, dry_run=dry_run)
        typer.echo(workflow.update_report(done))
    if done.kept is not None:
        raise typer.Exit(3)


@app.command(short_help="Write a bundle as ONNX, torch program or Triton repository.")
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
    with _errors(), _progress() as progress:
        from clickprompt.export.options import export_options
        from clickprompt.workflows.export import export as workflow

        options = export_options(format, layout, ids=ids, int8=int8, external_data=external_data, compile=compile)
        typer.echo(workflow(bundle, out, options, rows, encoding, progress))


@app.command(short_help="Answer scoring requests over HTTP.")
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
    with _errors():
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


@app.command(short_help="Describe a bundle, recipe or prepared folder.")
def show(
    what: Annotated[Path, typer.Argument(metavar="BUNDLE|RECIPE|PREPARED", help="What to describe.")],
    set_: Settings = None,
) -> None:
    """Describe a bundle, a recipe with all its defaults, or a prepared folder."""
    with _errors():
        from clickprompt.workflows.show import show as workflow

        typer.echo(workflow(what, set_ or []), nl=False)


@app.command("list", short_help="Name what a recipe can choose from.")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="ctr-models|methods|sources|language-models|tunings", help="What to name.")
    ],
) -> None:
    """Name what a recipe can choose from."""
    with _errors():
        from clickprompt.workflows.show import listing

        typer.echo(listing(what), nl=False)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        from clickprompt import __version__

        typer.echo(__version__)
        raise typer.Exit


def _results(records: list[dict[str, Any]], folder: RunFolder) -> None:
    from clickprompt.workflows.show import results_table

    results_table(records)
    typer.echo(f"report: {folder.path / 'report.html'}\nbundles: {folder.path / 'bundles'}")


def main() -> None:
    """Entry point of the `clickprompt` command."""
    app()


@contextmanager
def _errors() -> Iterator[None]:
    """What the user can mend: one line on standard error, exit status 2."""
    from clickprompt.settings import OUT_OF_MEMORY, ClickPromptError, is_out_of_memory

    try:
        yield
    except ClickPromptError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except OSError as error:
        from clickprompt.storage import disk_error

        print(f"error: {disk_error(error, Path(error.filename or '.'))}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt as stopped:
        raise typer.Exit(128 + getattr(stopped, "signal_number", 2)) from None
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"error: {OUT_OF_MEMORY}", file=sys.stderr)
        raise typer.Exit(2) from None


def _with_bad_rows(set_: list[str] | None, on_bad_row: str | None) -> list[str]:
    return [*(set_ or []), *([] if on_bad_row is None else [f"data.on_bad_row={on_bad_row}"])]


def _run_folder(recipe: Path, out: Path | None) -> Path:
    """`runs/<folder of the recipe>/<its name>` unless named; never a folder that holds something else."""
    from clickprompt.settings import ClickPromptError

    folder = out or Path("runs") / recipe.parent.name / recipe.stem
    if folder.is_file():
        raise ClickPromptError(f"--out {folder}: this is a file; name a folder for the run")
    known = {"recipe.yaml", "prepared", "steps", "bundles", "checkpoints"}
    if folder.is_dir() and (names := {path.name for path in folder.iterdir()} - {".lock"}) and not names & known:
        raise ClickPromptError(f"--out {folder}: holds something else than a run; choose a new or empty folder")
    return folder


@contextmanager
def _progress() -> Iterator[Progress]:
    from clickprompt.workflows.progress import progress_for

    with progress_for() as progress:
        yield progress


@contextmanager
def _settings(
    recipe: Path, set_: list[str] | None, out: Path | None, prepared: Path | None, resume: bool = True
) -> Iterator[tuple[Recipe, RunFolder, Progress]]:
    with _errors():
        from clickprompt.training import signals_stop_training
        from clickprompt.workflows.recipe import load_recipe
        from clickprompt.workflows.runs import RunFolder

        settings = load_recipe(recipe, set_ or [])
        folder = RunFolder(_run_folder(recipe, out), prepared, resume=resume)
        with signals_stop_training(), folder.locked(), _progress() as progress:
            try:
                yield settings, folder, progress
            except KeyboardInterrupt:
                progress.say("stopped; finished steps are kept: run the same command again to go on")
                raise


@contextmanager
def _running(
    recipe: Path, set_: list[str] | None, out: Path | None, prepared: Path | None, resume: bool = True
) -> Iterator[tuple[Recipe, RunFolder, Data, Progress]]:
    """The recipe, its folder and its prepared data."""
    with _settings(recipe, set_, out, prepared, resume) as (settings, folder, progress):
        from clickprompt.workflows.data import prepare as workflow

        yield settings, folder, workflow(settings, folder.prepared, progress), progress
