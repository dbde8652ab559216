"""The folder that studies share: runs, pretrainings and prepared data by what they are made from."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors, fingerprint, write_file
from clickprompt.table import PreparedTable, find_prepared_table
from clickprompt.workflows.data import Data, find_prepared, prepare
from clickprompt.workflows.evaluate import evaluate
from clickprompt.workflows.finetune import finetune, finetuned
from clickprompt.workflows.pretrain import STEP as PRETRAINED
from clickprompt.workflows.pretrain import pretrain, pretraining_inputs
from clickprompt.workflows.recipe import Recipe, dump_recipe
from clickprompt.workflows.runs import RunFolder
from clickprompt.workflows.study.needs import name_of

_OPEN_AT_ONCE = 8


class OutFolder:
    """`runs/`, `pretrained/` and `prepared/`, each thing in a folder named by its fingerprint, made once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data: dict[str, Data] = {}
        self._missing: set[str] = set()
        self._tables: dict[Path, PreparedTable] = {}
        self._pretraining: dict[str, Path] = {}
        self._trained: dict[str, dict[str, Any]] = {}

    def prepared(self, recipe: Recipe) -> Path:
        """Where the rows of a recipe are kept."""
        return self.path / "prepared" / fingerprint(recipe.data.model_dump(mode="json"))[:12]

    def data(self, recipe: Recipe, progress: Progress) -> Data:
        """Prepared data, made where they are not yet, opened once while they are in use."""
        key = _data_key(recipe)
        data = self._data.get(key)
        if data is None:
            data = prepare(recipe, self.prepared(recipe), progress)
            self._missing.clear()
        return self._opened(key, data)

    def found(self, recipe: Recipe) -> Data | None:
        """Prepared data where all of them are there; nothing is made or fetched. What is amiss is told by `data`."""
        key = _data_key(recipe)
        if key in self._missing:
            return None
        try:
            data = self._data.get(key) or find_prepared(recipe, self.prepared(recipe))
        except ClickPromptError:
            data = None
        if data is None:
            self._missing.add(key)
            return None
        return self._opened(key, data)

    def _opened(self, key: str, data: Data) -> Data:
        self._data.pop(key, None)
        self._data[key] = data  # used last, closed last
        while len(self._data) > _OPEN_AT_ONCE:
            del self._data[next(iter(self._data))]
        return data

    def table(self, recipe: Recipe) -> PreparedTable | None:
        """The rows of a recipe, without words; None where they are not prepared."""
        folder = self.prepared(recipe)
        if folder not in self._tables:
            try:
                table = find_prepared_table(recipe.data, folder)
            except ClickPromptError:
                table = None
            if table is None:
                return None
            self._tables[folder] = table
        return self._tables[folder]

    def run_path(self, recipe: Recipe) -> Path:
        """Where a run is kept."""
        return self.path / "runs" / name_of(recipe)

    def run(self, recipe: Recipe, data: Data) -> RunFolder:
        """A run's folder, its pretraining in the place that it shares with others."""
        shared = {}
        if recipe.pretrains:
            name = name_of(recipe)
            if name not in self._pretraining:
                self._pretraining[name] = self.path / "pretrained" / pretraining_inputs(recipe, data)[:12]
            shared[PRETRAINED] = self._pretraining[name]
        return RunFolder(self.run_path(recipe), self.prepared(recipe), shared)

    def train(self, recipe: Recipe, progress: Progress) -> dict[str, Any]:
        """Pretrain and finetune what is not yet; what `finetune` kept. Test rows are not read."""
        (model,) = recipe.trained_models
        data = self.data(recipe, progress)
        run = self.run(recipe, data)
        write_file(run.path / "recipe.yaml", dump_recipe(recipe))
        if recipe.pretrains:
            pretrain(recipe, run, data, progress)
        finetune(recipe, model, run, data, progress)
        state = finetuned(recipe, model, run, data)
        assert state is not None
        self._trained[name_of(recipe)] = state
        return state

    def trained(self, recipe: Recipe) -> dict[str, Any] | None:
        """What `finetune` kept of a run; None if it is still to be trained. Nothing is made.

        What is amiss with it is told by `train`.
        """
        (model,), name = recipe.trained_models, name_of(recipe)
        if name not in self._trained:
            if not (self.run_path(recipe) / "steps" / model).exists():
                return None
            data = self.found(recipe)
            try:
                state = None if data is None else finetuned(recipe, model, self.run(recipe, data), data)
            except ClickPromptError:
                state = None
            if state is None:
                return None
            self._trained[name] = state
        return self._trained[name]

    def pretrained(self, recipe: Recipe) -> bool:
        """Whether a run's pretraining is done."""
        if not recipe.pretrains:
            return False
        data = self.found(recipe)
        return data is not None and self.run(recipe, data).step(PRETRAINED).exists()

    def scored(self, recipe: Recipe) -> bool:
        """Whether a trained run's test rows have been scored."""
        return (self.run_path(recipe) / "steps" / f"evaluate-{recipe.trained_models[0]}").exists()

    def measure(self, recipe: Recipe, progress: Progress) -> dict[str, Any]:
        """The test record of a trained run, scored if it is not yet."""
        data = self.data(recipe, progress)
        return evaluate(recipe, self.run(recipe, data), data, progress)[0]


def _data_key(recipe: Recipe) -> str:
    """Equal where two recipes need the same data."""
    words = recipe.language_model if recipe.reads_words else None
    return fingerprint(
        {
            "data": recipe.data.model_dump(mode="json"),
            "language_model": words and words.model_dump(mode="json"),
            "asks": recipe.method.asks if words else None,
            "reads": sorted(recipe.all_reads - {"ids"}),
        }
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep the folder to this process. Raises ClickPromptError where another works in it."""
    with clear_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClickPromptError(
                f"{folder}: another study is running in this folder; wait for it, or give another --out"
            ) from None
        yield
