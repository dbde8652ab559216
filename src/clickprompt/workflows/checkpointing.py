"""Checkpoints and guards of a run's trainings, as its recipe asks for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from clickprompt.contracts import Progress
from clickprompt.training import Checkpoints, Guard
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.runs import RunFolder


@contextmanager
def checkpoints_of(
    recipe: Recipe, run: RunFolder, step: str, inputs: str, progress: Progress
) -> Iterator[Checkpoints | None]:
    """Checkpoints of a step's training; they go once the block has ended well, which keeps the step's result."""
    if recipe.checkpoint is None:
        yield None
        return
    checkpoints = Checkpoints(run.checkpoints(step), inputs, recipe.checkpoint, progress.say)
    if not run.resume:
        checkpoints.restart()
    yield checkpoints
    checkpoints.clear()


def forget_checkpoints(run: RunFolder, step: str) -> None:
    """Delete those of a step that is done: a kill may have come between its result and that."""
    shutil.rmtree(run.checkpoints(step), ignore_errors=True)


def guard_of(recipe: Recipe, run: RunFolder, step: str, progress: Progress) -> Guard:
    """What watches a step's training."""
    return Guard(recipe.guards, progress.say, run.path / "skipped_steps" / step)
