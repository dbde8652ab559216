"""Running a study: trials, then cells seed by seed; what is finished is kept and passed over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickprompt.contracts import Progress
from clickprompt.settings import OUT_OF_MEMORY, ClickPromptError, first_line, is_out_of_memory
from clickprompt.storage import write_file
from clickprompt.workflows.progress import duration
from clickprompt.workflows.study.book import Book
from clickprompt.workflows.study.config import load_study
from clickprompt.workflows.study.estimate import Estimate, Estimator
from clickprompt.workflows.study.out import OutFolder, locked
from clickprompt.workflows.study.plan import plan
from clickprompt.workflows.study.selection import Selection
from clickprompt.workflows.study.speeds import StepName
from clickprompt.workflows.study.tasks import Task, cheap_first, estimate_of, steps_of


def run_study(path: Path, out: Path, progress: Progress, only: Sequence[str] = ()) -> tuple[Path, int]:
    """Do what a study file still asks for; its folder of results, and how many of its runs failed.

    Raises ClickPromptError before anything runs where the file is wrong or another study runs in `out`.
    """
    study = load_study(path)
    combinations = plan(study, str(path))
    selection = Selection(only, study, combinations)
    with locked(out):
        book = Book(study, study_name(path), combinations, OutFolder(out))
        write_file(book.folder / "study.yaml", path.read_bytes())
        runner = Runner(book, selection, progress)
        runner.run()
    return book.folder, book.failures


def study_name(path: Path) -> str:
    """`table2` for studies/table2.yaml, `movielens-100k/claim` for studies/movielens-100k/claim.yaml."""
    folder = path.resolve().parent.name
    return path.stem if folder in ("studies", "") else f"{folder}/{path.stem}"


class Runner:
    """Does the tasks of a study in their order and keeps its book."""

    def __init__(self, book: Book, selection: Selection, progress: Progress) -> None:
        self.book = book
        self.selection = selection
        self.progress = progress
        self.estimator = Estimator(book.out)
        self._lost: dict[str | None, str] = {}

    def run(self) -> None:
        """Everything selected: all trials first, then the cells."""
        self.book.gather()
        self.book.write(final=False)
        try:
            for task in [task for task in self.trials() if not self.book.knows(task)]:
                self._do(task)
            for task in [task for task in self.cells() if not self.book.knows(task)]:
                self._do(task)
        finally:
            self.book.write(final=True)

    def trials(self) -> list[Task]:
        """All trials selected, in the study's order."""
        return [
            task
            for combination in self.book.combinations
            if self.selection.holds(combination)
            for task in self.book.trials(combination)
        ]

    def cells(self) -> list[Task]:
        """All cells selected, cheap ones first within each seed; untuned ones with the settings of the first trial."""
        cells = [
            task
            for combination in self.book.combinations
            if self.selection.holds(combination)
            for task in self.book.cells(combination)
            if self.selection.holds_seed(task.recipe.seed)
        ]
        return cheap_first(cells, self.book.study.seeds, self.estimator)

    def remaining(self) -> tuple[list[Task], dict[int, list[StepName]]]:
        """Tasks without a result, in order, and the steps that each of them takes."""
        tasks = [task for task in [*self.trials(), *self.cells()] if not self.book.knows(task)]
        return tasks, steps_of(tasks, self.estimator)

    def _do(self, task: Task) -> None:
        combination, recipe = task.combination, task.recipe
        parts = (combination.data_set, combination.method, combination.ctr_model, combination.language_model)
        what = ", ".join(part for part in parts if part)
        number = f"trial {task.trial}" if not task.tests else f"seed {recipe.seed}"
        self.progress.say(f"study: {what}, {number} ({task.name})")
        try:
            if task.tests and not self.book.tuned(combination):
                raise ClickPromptError(f"{combination.where}: no trial has succeeded, so no settings are chosen")
            self._train(task)
        except ClickPromptError as error:
            self.progress.say(f"study: failed, and the others go on: {first_line(error)}")
            self.book.failed(task, error)
        self.book.write(final=False)
        self._tell()

    def _train(self, task: Task) -> None:
        out, recipe = self.book.out, task.recipe
        pretrained = out.pretrained(recipe)
        trained = out.trained(recipe)
        state = trained or self._trained_now(task)
        if trained is None:
            if recipe.pretrains and not pretrained:
                self._note("pretrain", task, state["pretrain_seconds"])
            self._note("finetune", task, state["train_seconds"])
        if not task.tests:
            self.book.tried(task, state)
            return
        started = time.perf_counter()
        scored = out.scored(recipe)
        with _lack_of_memory_told(task):
            record = out.measure(recipe, self.progress)
        if not scored:
            self._note("score", task, time.perf_counter() - started)
        self.book.tested(task, record)

    def _trained_now(self, task: Task) -> dict[str, Any]:
        """Train; a pretraining that failed is not tried again by the runs that share it, before the next start."""
        out, recipe, shared = self.book.out, task.recipe, task.pretraining
        if shared in self._lost:
            raise ClickPromptError(self._lost[shared])
        try:
            with _lack_of_memory_told(task):
                return out.train(recipe, self.progress)
        except ClickPromptError as error:
            if shared is not None and not out.pretrained(recipe):
                self._lost[shared] = str(error)
            raise

    def _note(self, step: StepName, task: Task, seconds: float) -> None:
        rows = self.estimator.rows(step, task.recipe)
        if rows is not None:
            self.estimator.speeds.note(step, task.recipe, rows, seconds)

    def _tell(self) -> None:
        tasks, steps = self.remaining()
        left = sum((estimate_of(task, steps[place], self.estimator) for place, task in enumerate(tasks)), Estimate())
        if tasks:
            more = " and what cannot be told yet" if "unknown" in left.by else ""
            self.progress.say(f"study: {len(tasks)} trials and cells to go, about {duration(left.seconds)}{more}")


@contextmanager
def _lack_of_memory_told(task: Task) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ClickPromptError(f"{task.combination.where}: {OUT_OF_MEMORY}") from None
