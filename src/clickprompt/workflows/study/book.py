"""What is known of a study's runs, and the files that tell it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.workflows.evaluate import groups_of, test_logits
from clickprompt.workflows.progress import SilentProgress
from clickprompt.workflows.slices import tail_slices
from clickprompt.workflows.study.config import Study
from clickprompt.workflows.study.out import OutFolder
from clickprompt.workflows.study.plan import Combination
from clickprompt.workflows.study.records import Row, about, failed_row, test_rows, trial_row, write_rows
from clickprompt.workflows.study.scores import Scores
from clickprompt.workflows.study.tables import write_tables
from clickprompt.workflows.study.tasks import Task

_TABLES_SHARE = 0.1
"""Of the time, at most, goes into tables before a study is finished."""

Key = tuple[int, bool, int]
"""Place of the combination; whether it is a cell; its seed, or the number of the trial."""


class Book:
    """Results by task; results.parquet and tables made of them."""

    def __init__(self, study: Study, name: str, combinations: Sequence[Combination], out: OutFolder) -> None:
        self.study = study
        self.name = name
        self.combinations = combinations
        self.out = out
        self.folder = out.path / "studies" / name
        self._places = {id(combination): place for place, combination in enumerate(combinations)}
        self._rows: dict[Key, list[Row]] = {}
        self._recipes: dict[str, Task] = {}
        self._tasks: dict[tuple[int, int, int, bool], Task] = {}
        self._tables_written, self._tables_took = 0.0, 0.0

    @property
    def failures(self) -> int:
        """Tasks that failed."""
        return sum(rows[0]["status"] == "failed" for rows in self._rows.values())

    def trials(self, combination: Combination) -> list[Task]:
        """The trials of a combination; none where the study tunes nothing."""
        if self.study.trials is None:
            return []
        seed = self.study.trials.seed
        return [self._task(combination, seed, trial, tests=False) for trial in range(len(combination.settings))]

    def cells(self, combination: Combination) -> list[Task]:
        """A cell for each seed, with the settings of the winner; of the first trial while there is none."""
        trial = self.winner(combination) or 0
        return [self._task(combination, seed, trial, tests=True) for seed in self.study.seeds]

    def winner(self, combination: Combination) -> int | None:
        """The trial with the best validation AUC, the first of equals; None until all have ended, or if all failed."""
        if self.study.trials is None:
            return 0
        place = self._places[id(combination)]
        rows = [self._rows.get((place, False, trial)) for trial in range(len(combination.settings))]
        ended = [row[0] for row in rows if row is not None]
        done = [row for row in ended if row["status"] == "done"]
        if len(ended) < len(rows) or not done:
            return None
        return int(max(done, key=lambda row: row["validation_auc"])["trial"])

    def tuned(self, combination: Combination) -> bool:
        """Whether the settings of its cells are chosen."""
        return self.winner(combination) is not None

    def gather(self) -> None:
        """Read the results of every finished run of the study from its steps; what is amiss is told when it is run."""
        self.gather_trials()
        for combination in self.combinations:
            if self.tuned(combination):
                for task in self.cells(combination):
                    if self.out.trained(task.recipe) is not None and self.out.scored(task.recipe):
                        with suppress(ClickPromptError):
                            self.tested(task, self.out.measure(task.recipe, SilentProgress()))

    def gather_trials(self) -> None:
        """Read what validation said of every finished trial."""
        for combination in self.combinations:
            for task in self.trials(combination):
                if (state := self.out.trained(task.recipe)) is not None:
                    self.tried(task, state)

    def knows(self, task: Task) -> bool:
        """Whether a task has ended, well or not."""
        return self._key(task) in self._rows

    def tried(self, task: Task, state: dict[str, Any]) -> None:
        """A trial has ended."""
        self._rows[self._key(task)] = [self._named(trial_row(self._about(task), state))]

    def tested(self, task: Task, record: dict[str, Any]) -> None:
        """A cell has ended."""
        self._rows[self._key(task)] = [self._named(row) for row in test_rows(self._about(task), record)]
        self._recipes[task.name] = task

    def failed(self, task: Task, error: ClickPromptError) -> None:
        """A task could not be done."""
        phase = "test" if task.tests else "trial"
        self._rows[self._key(task)] = [self._named(failed_row(self._about(task), phase, error))]

    def rows(self) -> list[Row]:
        """All result rows, in the study's order: of each combination its trials, then its cells."""
        return [row for key in sorted(self._rows) for row in self._rows[key]]

    def write(self, *, final: bool) -> None:
        """Write results.parquet, and the tables where they are worth their time or `final`."""
        write_rows(self.folder / "results.parquet", self.rows())
        started = time.monotonic()
        if final or started - self._tables_written > self._tables_took / _TABLES_SHARE:
            write_tables(self.folder, self.study, self.rows(), self.scores, unfinished=self._unfinished())
            self._tables_written = time.monotonic()
            self._tables_took = self._tables_written - started

    def scores(self, row: Mapping[str, Any]) -> Scores:
        """Test rows of the cell that a result row tells of."""
        task = self._recipes[row["run"]]
        data = self.out.data(task.recipe, SilentProgress())
        logits = test_logits(self.out.run(task.recipe, data), task.combination.model)
        slices = tail_slices(data.table, task.recipe.evaluation.tail_share) if self.study.table == 6 else {}
        return Scores(np.asarray(data.table.split("test").labels), logits, groups_of(data), slices)

    def _unfinished(self) -> str:
        """How much of the study is done; "" when all is."""
        cells = len(self.combinations) * len(self.study.seeds)
        trials = sum(len(self.trials(combination)) for combination in self.combinations)
        ended = [key[1] for key, rows in self._rows.items() if rows[0]["status"] == "done"]
        tested = sum(ended)
        if len(ended) == cells + trials:
            return ""
        of_trials = f" and {len(ended) - tested} of {trials} trials" if trials else ""
        return f"Unfinished: {tested} of {cells} cells{of_trials} are done."

    def _task(self, combination: Combination, seed: int, trial: int, *, tests: bool) -> Task:
        key = self._places[id(combination)], seed, trial, tests
        if key not in self._tasks:
            recipe = combination.recipe(seed, combination.settings[trial])
            self._tasks[key] = Task(combination, recipe, trial, tests)
        return self._tasks[key]

    def _about(self, task: Task) -> Row:
        return about(task.combination, task.recipe, task.trial)

    def _named(self, row: Row) -> Row:
        return {**row, "study": self.name, "table": self.study.table}

    def _key(self, task: Task) -> Key:
        return self._places[id(task.combination)], task.tests, task.recipe.seed if task.tests else task.trial
