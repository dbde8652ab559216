"""Pretraining of a recipe's method, without labels."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from clickprompt.batches import TrainingSteps, sentences_at_once
from clickprompt.bundle import save_weights
from clickprompt.contracts import Progress, SplitName
from clickprompt.methods import Method, Pretrainable
from clickprompt.settings import ClickPromptError
from clickprompt.training import (
    Checkpoints,
    Guard,
    TrainingResult,
    build_optimizer,
    choose_device,
    planned_steps,
    train,
)
from clickprompt.workflows.build import new_method
from clickprompt.workflows.checkpointing import checkpoints_of, forget_checkpoints, guard_of
from clickprompt.workflows.compiling import compile_interaction, compiled
from clickprompt.workflows.data import Data
from clickprompt.workflows.progress import duration
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.resources import check_resources
from clickprompt.workflows.runs import RunFolder, inputs_of, machine
from clickprompt.workflows.seeds import seed_for, seed_torch
from clickprompt.workflows.tuning import check_tuning, language_inputs, language_learning_rate, training_inputs, tuned

STEP = "pretrained"
_KEPT = ("ctr.", "language.", "prompts.")
"""Parts that finetuning starts from; heads that only pretraining needs are dropped."""


def pretraining_inputs(recipe: Recipe, data: Data) -> str:
    """Fingerprint of everything that decides the pretrained weights."""
    pooled = {"pooling": recipe.language_model.pooling} if recipe.method.pools and recipe.language_model else {}
    return inputs_of(
        data=data.fingerprint,
        ctr_model=recipe.ctr_model.model_dump(mode="json"),
        language_model=language_inputs(recipe),
        method=recipe.method.model_dump(mode="json"),
        pretrain=training_inputs(recipe, recipe.pretraining),
        seed=recipe.seed,
        machine=machine(recipe.device, recipe.pretraining.precision, words=recipe.method.reads != "ids"),
        **pooled,
    )


def pretrain(recipe: Recipe, run: RunFolder, data: Data, progress: Progress) -> str:
    """Pretrain unless the run already holds the very same result; its inputs' fingerprint is returned."""
    if not recipe.pretrains:
        models = ", ".join(recipe.trained_models)
        raise ClickPromptError(
            f"models: [{models}] start without pretraining; choose other models or another method, or set pretrain"
        )
    inputs = pretraining_inputs(recipe, data)
    if run.done(STEP, inputs) is not None:
        progress.say(f"pretrain: already done, {run.step(STEP)}")
        forget_checkpoints(run, STEP)
        return inputs
    check_tuning(recipe, recipe.pretraining)
    statistics = data.table.statistics
    check_resources(recipe, recipe.method, recipe.pretraining, statistics, run.path, "pretrain", progress)
    method = new_method(recipe.method, recipe, data, pretraining=True)
    with checkpoints_of(recipe, run, STEP, inputs, progress) as checkpoints:
        guard = guard_of(recipe, run, STEP, progress)
        result = _train(method, recipe, data, progress, checkpoints, guard)
        weights = {name: tensor for name, tensor in method.state_dict().items() if name.startswith(_KEPT)}
        summary = {"seconds": result.seconds, "steps": result.steps, "samples": result.samples}
        with run.write_step(STEP, inputs, summary) as folder:
            save_weights(folder / "weights.safetensors", weights)
            (folder / "history.json").write_text(json.dumps(result.history))
    rate = result.samples / result.seconds
    progress.say(f"pretrain: {result.steps:,} steps in {duration(result.seconds)}, {rate:,.0f} rows/s")
    return inputs


def load_pretrained(method: Method, folder: Path) -> None:
    """Start a method from pretrained weights; parts that it does not have are passed over.

    Raises ClickPromptError naming each weight that is missing or of another shape.
    """
    weights = load_file(folder / "weights.safetensors")
    own = method.state_dict()
    wanted = {name: tensor for name, tensor in own.items() if name.startswith(_KEPT)}
    wrong = [name for name, tensor in wanted.items() if name not in weights or weights[name].shape != tensor.shape]
    if wrong:
        raise ClickPromptError(f"{folder}: pretrained weights do not fit the model: {', '.join(wrong)}")
    method.load_state_dict({name: weights[name] for name in wanted}, strict=False)


def _train(
    method: Method, recipe: Recipe, data: Data, progress: Progress, checkpoints: Checkpoints | None, guard: Guard
) -> TrainingResult:
    assert isinstance(method, Pretrainable)
    config, reads = recipe.pretraining, recipe.method.reads
    device = choose_device(recipe.device)
    splits: tuple[SplitName, ...] = ("train",) if config.rows == "train" else ("train", "validation")
    steps = TrainingSteps(
        data.reader(splits, reads=reads),
        batch_size=config.batch_size,
        micro_batch_size=_micro_batch_size(recipe, device),
        seed=seed_for(recipe.seed, "pretrain rows"),
        oov_dropout=config.oov_dropout,
        mask_rate=config.mask_rate,
        hides=recipe.method.hides,
    )
    method.to(device)
    rates = {"ctr": config.ctr_learning_rate, "language": language_learning_rate(recipe, config)}
    compile_interaction(method, config, steps.micro_batch_size, reads)
    with tuned(method, recipe, rates["language"], "pretrain", progress):
        optimizer = build_optimizer(method.parts(), rates, config, method.embedding_tables())
        with compiled(method, recipe, config, device):
            seed_torch(recipe.seed, "pretrain draws")
            total = planned_steps(config, steps.steps_per_epoch)
            report = progress.start(
                "pretrain", min(total * config.batch_size, config.epochs * len(steps.reader)), "rows"
            )
            return train(
                method,
                steps,
                method.pretraining_loss,
                method.pretraining_amount,
                optimizer,
                config,
                device,
                report=report,
                log_every=max(1, total // 200),
                checkpoints=checkpoints,
                guard=guard,
            )


def _micro_batch_size(recipe: Recipe, device: torch.device) -> int:
    config = recipe.pretraining
    if recipe.method.whole_batches:
        return config.batch_size
    return config.micro_batch_size or sentences_at_once(device)
