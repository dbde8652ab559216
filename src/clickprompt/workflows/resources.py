"""Whether a training fits into memory and onto the disk, asked before it starts.

Counted is what stands in memory whatever the batch: weights, gradients, optimizer state, the best weights so far. It is
a lower bound, so what is refused surely does not fit; batches, and a language model's activations above all, come on
top.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from clickprompt.batches import sentences_at_once
from clickprompt.contracts import FieldStatistics, Progress
from clickprompt.ctr import build_ctr_model, count_parameters
from clickprompt.language.size import local_size
from clickprompt.methods import MethodConfig
from clickprompt.settings import ClickPromptError
from clickprompt.training import FinetuneConfig, FinetuneWithLanguageModelConfig, PretrainConfig, choose_device
from clickprompt.training.optimizer import LARGE_TABLE
from clickprompt.workflows.free_memory import free_memory
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.tuning import language_learning_rate

_NUMBER = 4
"""Bytes of a float32."""
_TIGHT = 0.9


@dataclass(frozen=True)
class Sizes:
    """Numbers (float32) of what a training holds."""

    rows: int
    """Embedding rows."""
    table: int
    """Of the embedding table."""
    layers: int = 0
    """Of all other weights that are trained."""
    frozen: int = 0
    """Of weights that are not."""


@dataclass(frozen=True)
class Needs:
    """Bytes. T the table, R its rows, L the layers' weights, F frozen ones, B = T + L with validation, else 0."""

    memory: int
    """Dense: 4T, and T more where gradients of micro-batches add up. Sparse AdamW: 4T + R, a copy of the weights at the
    end among them. Row-wise Adagrad: 2T + R, likewise. And 4L + F + B."""
    checkpoint: int
    """In memory besides, while a checkpoint is copied and written: its size."""
    result: int
    """On disk for good: T + L + F."""
    checkpoints: int
    """On disk while it trains: 3T, or 3T + R, or T + R, and 3L + B, for each checkpoint that is kept, and a new one."""


def needs(sizes: Sizes, optimizer: str, *, validates: bool, adds_up: bool, kept: int | None) -> Needs:
    """What a training needs; `optimizer` is not `auto`, gradients of micro-batches may add up, `kept` None without
    checkpoints."""
    best = sizes.table + sizes.layers if validates else 0
    trained = {"dense": (5 if adds_up else 4) * sizes.table, "sparse": 4 * sizes.table + sizes.rows}
    saved = {"dense": 3 * sizes.table, "sparse": 3 * sizes.table + sizes.rows}
    memory = trained.get(optimizer, 2 * sizes.table + sizes.rows) + 4 * sizes.layers + sizes.frozen + best
    state = saved.get(optimizer, sizes.table + sizes.rows) + 3 * sizes.layers + best
    return Needs(
        memory=_NUMBER * memory,
        checkpoint=0 if kept is None else _NUMBER * state,
        result=_NUMBER * (sizes.table + sizes.layers + sizes.frozen),
        checkpoints=0 if kept is None else _NUMBER * state * (kept + 1),
    )


def check_resources(
    recipe: Recipe,
    method: MethodConfig,
    config: PretrainConfig | FinetuneConfig,
    statistics: FieldStatistics,
    folder: Path,
    task: str,
    progress: Progress,
    *,
    updates: bool = False,
) -> None:
    """Raise ClickPromptError where a training surely does not fit; say so where it is tight.

    `statistics` of the values that own embedding rows; `folder` for checkpoints and results. `updates`: the weights
    are in memory already, and no best ones are kept. Nothing is asked where `guards.check_resources` is false, or
    where the system does not say what is free.
    """
    if not recipe.guards.check_resources:
        return
    device = choose_device(recipe.device)
    sizes = _sizes(recipe, method, config, statistics)
    optimizer: str = config.embedding_optimizer
    if optimizer == "auto":
        optimizer = "sparse" if sizes.table >= LARGE_TABLE.get(device.type, LARGE_TABLE["cuda"]) else "dense"
    kept = None if recipe.checkpoint is None else recipe.checkpoint.keep
    at_once = config.micro_batch_size or (config.batch_size if method.whole_batches else sentences_at_once(device))
    need = needs(
        sizes,
        optimizer,
        validates=isinstance(config, FinetuneConfig) and not updates,
        adds_up=at_once < config.batch_size,
        kept=kept,
    )
    if updates and device.type == "cpu":
        need = replace(need, memory=need.memory - need.result)
    _check_memory(need, optimizer, device, task, progress, updates)
    _check_disk(need, folder, task, progress, updates)


def _check_memory(
    need: Needs, optimizer: str, device: torch.device, task: str, progress: Progress, updates: bool
) -> None:
    free = free_memory(device)
    if free is None:
        return
    where = "" if device.type == "cpu" else " of the GPU"
    lean = "" if optimizer == "rowwise-adagrad" else ", set embedding_optimizer: rowwise-adagrad"
    change = f"raise data.min_count, lower ctr_model.embedding_dim{lean}, or set guards.check_resources: false"
    if updates:
        change = "free some, train a smaller model anew, or say --no-check-resources"
    if need.memory > free:
        raise ClickPromptError(
            f"{task}: needs at least {_size(need.memory)} of memory{where}, {_size(free)} are free; {change}"
        )
    whole = need.memory + (need.checkpoint if device.type == "cpu" else 0)
    if whole > _TIGHT * free:
        progress.say(
            f"{task}: memory is tight, {_size(whole)} with checkpoints and without batches, {_size(free)} are free"
        )


def _check_disk(need: Needs, folder: Path, task: str, progress: Progress, updates: bool) -> None:
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if need.result > free:
        change = (
            "or say --no-check-resources" if updates else "choose another --out, or set guards.check_resources: false"
        )
        raise ClickPromptError(
            f"{task}: its weights take {_size(need.result)} in {folder}, {_size(free)} are free; free some, {change}"
        )
    whole = need.result + need.checkpoints
    if whole > _TIGHT * free:
        progress.say(
            f"{task}: the disk is tight, {_size(whole)} with checkpoints, {_size(free)} are free in {folder}; lower "
            "checkpoint.keep, or checkpoints may fail"
        )


def _sizes(recipe: Recipe, method: MethodConfig, config: PretrainConfig | FinetuneConfig, of: FieldStatistics) -> Sizes:
    rows = table = layers = frozen = 0
    if method.has_ctr_model:
        with torch.random.fork_rng(devices=[]):
            model = build_ctr_model(recipe.ctr_model, of.num_fields, of.num_fields, of.pooling)
        rows = of.num_embeddings
        table = rows * recipe.ctr_model.embedding_dim
        layers = count_parameters(model) - model.embedding.weight.numel()
    language = recipe.language_model
    size = local_size(language) if language is not None and method.reads in ("sentence", "sides") else None
    if language is not None and size is not None:
        numbers = size.layers + size.masked_token_head
        reading = isinstance(config, PretrainConfig | FinetuneWithLanguageModelConfig)
        rate = language_learning_rate(recipe, config) if reading else 0.0  # type: ignore[arg-type]
        if language.tuning.kind == "full" and rate > 0:
            layers += numbers
        else:
            frozen += numbers
    return Sizes(rows, table, layers, frozen)


def _size(count: int) -> str:
    """`3.1 GB` or `12 MB`."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
