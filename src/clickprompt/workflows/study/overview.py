"""A study's plan for people: what is done, what is to be done, how long that will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clickprompt.workflows.progress import SilentProgress, duration
from clickprompt.workflows.study.book import Book
from clickprompt.workflows.study.config import load_study
from clickprompt.workflows.study.estimate import Estimate
from clickprompt.workflows.study.out import OutFolder
from clickprompt.workflows.study.plan import plan
from clickprompt.workflows.study.runner import Runner, study_name
from clickprompt.workflows.study.selection import Selection
from clickprompt.workflows.study.speeds import StepName
from clickprompt.workflows.study.tasks import estimate_of, steps_of

_WIDTH = 120


def print_plan(path: Path, out: Path, only: Sequence[str] = ()) -> None:
    """Print what `run_study` would do. Nothing is trained, prepared or scored.

    Raises ClickPromptError where the file is wrong.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    study = load_study(path)
    combinations = plan(study, str(path))
    book = Book(study, study_name(path), combinations, OutFolder(out))
    book.gather_trials()
    runner = Runner(book, Selection(only, study, combinations), SilentProgress())
    tasks = [*runner.trials(), *runner.cells()]
    steps = steps_of(tasks, runner.estimator)

    tables: dict[str, Table] = {}
    whole, pretrainings = Estimate(), 0
    for combination in combinations:
        mine = [number for number, task in enumerate(tasks) if task.combination is combination]
        if not mine:
            continue
        time = sum((estimate_of(tasks[number], steps[number], runner.estimator) for number in mine), Estimate())
        shared = sum("pretrain" in steps[number] for number in mine)
        whole, pretrainings = whole + time, pretrainings + shared
        if combination.data_set not in tables:
            table = Table("method", "ID model", "language model", title=combination.data_set, box=box.SIMPLE_HEAD)
            table.title_justify = "left"
            for name in ("trials", "cells", "pretrain", "time left"):
                table.add_column(name, justify="right", no_wrap=True)
            tables[combination.data_set] = table
        trials, cells = ([number for number in mine if tasks[number].tests == tests] for tests in (False, True))
        tables[combination.data_set].add_row(
            combination.method,
            combination.ctr_model or "",
            combination.language_model or "",
            _of(trials, steps),
            _of(cells, steps),
            str(shared or ""),
            _short(time),
        )
    console = Console(highlight=False)
    console.width = max(console.width, _WIDTH)
    console.print(study.title, markup=False)
    for table in tables.values():
        console.print(table)
    done = sum(not steps[number] for number in range(len(tasks)))
    runs = len({task.name for task in tasks})
    console.print(
        f"{len(tasks)} trials and cells, {done} done; they are {runs} different runs. {pretrainings} pretrainings to "
        f"do, each shared by the runs of its seed. Time left: {_text(whole)}.\n"
        "Trials and cells: done of all. Measured: by such steps in this folder before. Computed (≈): by operations "
        "over this device's rate now; a guide alone. Unknown (?): data not prepared yet, or a checkpoint not on this "
        "machine.",
        soft_wrap=True,
    )


def _of(numbers: Sequence[int], steps: Mapping[int, Sequence[StepName]]) -> str:
    """Done of all; "" for none."""
    return f"{sum(not steps[number] for number in numbers)}/{len(numbers)}" if numbers else ""


def _short(time: Estimate) -> str:
    """Seconds with ≈ where any are computed, + ? where some are unknown; "" for none."""
    known = ("≈ " if "computed" in time.by else "") + duration(time.seconds) if time.by - {"unknown"} else ""
    return " + ".join([*filter(None, [known]), *(["?"] if "unknown" in time.by else [])])


def _text(time: Estimate) -> str:
    if not time.by:
        return "none"
    known = sorted(time.by - {"unknown"})
    parts = [f"{duration(time.seconds)} {' and '.join(known)}"] if known else []
    return " + ".join([*parts, *(["unknown"] if "unknown" in time.by else [])])
