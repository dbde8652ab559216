"""What a study still has to do, in which order, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.study.estimate import Estimate, Estimator
from clickprompt.workflows.study.needs import name_of, pretraining_of
from clickprompt.workflows.study.plan import Combination
from clickprompt.workflows.study.speeds import StepName


@dataclass(frozen=True)
class Task:
    """A trial or a cell: one run, on to its validation or its test rows."""

    combination: Combination
    recipe: Recipe
    trial: int
    """The number of the trial that its settings are from."""
    tests: bool
    """Whether test rows are scored: a cell; else a trial."""

    @cached_property
    def name(self) -> str:
        """The run's folder."""
        return name_of(self.recipe)

    @cached_property
    def pretraining(self) -> str | None:
        """Equal where tasks can share a pretraining; None where there is none."""
        return pretraining_of(self.recipe)


def steps_of(tasks: Iterable[Task], estimator: Estimator) -> dict[int, list[StepName]]:
    """Steps that each task (by its place) has to do when those before it are done; nothing is done twice."""
    pretrained: set[str] = set()
    trained: set[str] = set()
    scored: set[str] = set()
    found: dict[int, list[StepName]] = {}
    for place, task in enumerate(tasks):
        name, shared = task.name, task.pretraining
        steps: list[StepName] = []
        if name not in trained and estimator.out.trained(task.recipe) is None:
            if shared is not None and shared not in pretrained and not estimator.out.pretrained(task.recipe):
                steps.append("pretrain")
            steps.append("finetune")
            pretrained |= set() if shared is None else {shared}
        if task.tests and name not in scored and ("finetune" in steps or not estimator.out.scored(task.recipe)):
            steps.append("score")
        trained.add(name)
        scored |= {name} if task.tests else set()
        found[place] = steps
    return found


def estimate_of(task: Task, steps: Iterable[StepName], estimator: Estimator) -> Estimate:
    """The time of some steps of a task."""
    return sum((estimator.step(step, task.recipe) for step in steps), Estimate())


def cheap_first(tasks: Iterable[Task], seeds: tuple[int, ...], estimator: Estimator) -> list[Task]:
    """Seed by seed, so that a study that stops leaves pairs; within a seed what takes least time first."""

    def cost(task: Task) -> tuple[int, bool, float]:
        steps: list[StepName] = ["pretrain", "finetune"] if task.recipe.pretrains else ["finetune"]
        estimate = estimate_of(task, steps, estimator)
        return seeds.index(task.recipe.seed), "unknown" in estimate.by, estimate.seconds

    return sorted(tasks, key=cost)
