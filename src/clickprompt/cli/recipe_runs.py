"""A recipe, the folder of its run and its prepared data, for the commands that work on them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clickprompt.cli.errors import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickprompt.contracts import Progress
    from clickprompt.workflows.data import Data
    from clickprompt.workflows.recipe import Recipe
    from clickprompt.workflows.runs import RunFolder


@contextmanager
def progress_bars() -> Iterator[Progress]:
    from clickprompt.workflows.progress import progress_for

    with progress_for() as progress:
        yield progress


@contextmanager
def run_settings(
    recipe: Path, set_: list[str] | None, out: Path | None, prepared: Path | None, resume: bool = True
) -> Iterator[tuple[Recipe, RunFolder, Progress]]:
    with errors():
        from clickprompt.training import signals_stop_training
        from clickprompt.workflows.recipe import load_recipe
        from clickprompt.workflows.runs import RunFolder

        settings = load_recipe(recipe, set_ or [])
        folder = RunFolder(run_folder(recipe, out), prepared, resume=resume)
        with signals_stop_training(), folder.locked(), progress_bars() as progress:
            try:
                yield settings, folder, progress
            except KeyboardInterrupt:
                progress.say("stopped; finished steps are kept: run the same command again to go on")
                raise


@contextmanager
def prepared_run(
    recipe: Path, set_: list[str] | None, out: Path | None, prepared: Path | None, resume: bool = True
) -> Iterator[tuple[Recipe, RunFolder, Data, Progress]]:
    """The recipe, its folder and its prepared data."""
    with run_settings(recipe, set_, out, prepared, resume) as (settings, folder, progress):
        from clickprompt.workflows.data import prepare as workflow

        yield settings, folder, workflow(settings, folder.prepared, progress), progress


def with_bad_rows(set_: list[str] | None, on_bad_row: str | None) -> list[str]:
    return [*(set_ or []), *([] if on_bad_row is None else [f"data.on_bad_row={on_bad_row}"])]


def run_folder(recipe: Path, out: Path | None) -> Path:
    """`runs/<folder of the recipe>/<its name>` unless named; never a folder that holds something else."""
    from clickprompt.settings import ClickPromptError

    folder = out or Path("runs") / recipe.parent.name / recipe.stem
    if folder.is_file():
        raise ClickPromptError(f"--out {folder}: this is a file; name a folder for the run")
    known = {"recipe.yaml", "prepared", "steps", "bundles", "checkpoints"}
    if folder.is_dir() and (names := {path.name for path in folder.iterdir()} - {".lock"}) and not names & known:
        raise ClickPromptError(f"--out {folder}: holds something else than a run; choose a new or empty folder")
    return folder
