"""How long a run will take: by what such steps took before, else by the arithmetic it does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from clickprompt.ctr import build_ctr_model, count_parameters
from clickprompt.language import LanguageModelConfig
from clickprompt.language.size import LanguageModelSize, local_size
from clickprompt.settings import ClickPromptError
from clickprompt.table import PreparedTable
from clickprompt.training import TrainingConfig, choose_device
from clickprompt.workflows.finetune import finetuning_config
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.study.needs import name_of
from clickprompt.workflows.study.out import OutFolder
from clickprompt.workflows.study.sentence_length import tokens_a_row
from clickprompt.workflows.study.speeds import Speeds, StepName

_SECONDS_OF_AN_ID_ROW = 2e-5
"""Look-ups, optimizer and loop, whatever the model."""


@dataclass(frozen=True)
class Estimate:
    """Seconds, and what they are known by: `measured`, `computed`, `unknown` (then they are of the rest alone)."""

    seconds: float = 0.0
    by: frozenset[str] = frozenset()

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.seconds + other.seconds, self.by | other.by)


UNKNOWN = Estimate(by=frozenset({"unknown"}))


class Estimator:
    """Estimates for the runs of one folder."""

    def __init__(self, out: OutFolder) -> None:
        self.out = out
        self.speeds = Speeds(out.path)
        self._tokens: dict[tuple[Path, LanguageModelConfig, str | None], float | None] = {}
        self._rows: dict[tuple[str, str], int] = {}
        self._by_arithmetic: dict[tuple[str, str], Estimate] = {}

    def step(self, step: StepName, recipe: Recipe) -> Estimate:
        """Of one step of a run, with all its validations."""
        rows = self.rows(step, recipe)
        if rows is None:
            return UNKNOWN
        seconds = self.speeds.seconds(step, recipe, rows)
        if seconds is not None:
            return Estimate(seconds, frozenset({"measured"}))
        key = step, name_of(recipe)
        if key not in self._by_arithmetic:
            self._by_arithmetic[key] = self._computed(step, recipe, rows)
        return self._by_arithmetic[key]

    def rows(self, step: StepName, recipe: Recipe) -> int | None:
        """Rows that a step is planned to pass over; None where the data are not prepared."""
        key = step, name_of(recipe)
        if key not in self._rows:
            table = self.out.table(recipe)
            if table is None:
                return None
            self._rows[key] = _planned_rows(step, recipe, table)
        return self._rows[key]

    def _computed(self, step: StepName, recipe: Recipe, rows: int) -> Estimate:
        """6 operations for each weight that a row or token passes in training, 2 in scoring."""
        table = self.out.table(recipe)
        if table is None:
            return UNKNOWN
        (model,) = recipe.trained_models
        words = recipe.method.reads != "ids" if step == "pretrain" else recipe.tunes_words(model)
        factor = rows * (2.0 if step == "score" else 6.0)
        if step == "finetune":
            config = finetuning_config(recipe, model)
            factor += 2 * config.epochs * config.evaluations_per_epoch * _rows_of(table, "validation")
        operations = factor * _dense_parameters(recipe, table) if recipe.method.has_ctr_model else 0.0
        if words:
            assert recipe.language_model is not None
            size, tokens = _size(recipe.language_model), self._tokens_a_row(recipe, table)
            if size is None or tokens is None:
                return UNKNOWN
            head = recipe.pretraining.mask_rate * size.masked_token_head if step == "pretrain" else 0.0
            operations += factor * tokens * (size.layers + head)
        rate = _operations_a_second(choose_device(recipe.device).type)
        return Estimate(operations / rate + factor / 6 * _SECONDS_OF_AN_ID_ROW, frozenset({"computed"}))

    def _tokens_a_row(self, recipe: Recipe, table: PreparedTable) -> float | None:
        assert recipe.language_model is not None
        key = table.folder, recipe.language_model, recipe.method.asks
        if key not in self._tokens:
            try:
                self._tokens[key] = tokens_a_row(recipe, table)
            except ClickPromptError:
                self._tokens[key] = None
        return self._tokens[key]


def _planned_rows(step: StepName, recipe: Recipe, table: PreparedTable) -> int:
    if step == "score":
        return _rows_of(table, "test")
    config: TrainingConfig = finetuning_config(recipe, recipe.trained_models[0])
    rows = _rows_of(table, "train")
    if step == "pretrain":
        config = recipe.pretraining
        rows += _rows_of(table, "validation") if recipe.pretraining.rows == "train+validation" else 0
    return min(config.epochs * rows, (config.max_steps or 2**62) * config.batch_size)


def _rows_of(table: PreparedTable, split: str) -> int:
    return int(table.manifest["splits"][split]["rows"])


def _dense_parameters(recipe: Recipe, table: PreparedTable) -> int:
    """Of the ID model without its table."""
    statistics = table.statistics
    with torch.random.fork_rng(devices=[]):
        model = build_ctr_model(recipe.ctr_model, statistics.num_fields, statistics.num_fields, statistics.pooling)
    return count_parameters(model) - model.embedding.weight.numel()


@cache
def _size(config: LanguageModelConfig) -> LanguageModelSize | None:
    try:
        return local_size(config)
    except ClickPromptError:
        return None


@cache
def _operations_a_second(device: str, seconds: float = 0.3) -> float:
    """Additions and multiplications of a layer's matrix product a second on this device now, in the fastest call."""
    words, weights = torch.randn(2048, 384, device=device), torch.randn(384, 1536, device=device)
    fastest, end = float("inf"), time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        product = words @ weights
        if device == "cuda":
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * product.shape.numel() * weights.shape[0] / fastest
