"""An update's training: the parent's weights, a fresh optimizer, today's rows."""

from __future__ import annotations

from clickprompt.batches import SplitReader, TrainingSteps, sentences_at_once
from clickprompt.contracts import Progress
from clickprompt.methods import Method
from clickprompt.training import (
    Checkpoints,
    FinetuneConfig,
    FinetuneWithLanguageModelConfig,
    Guard,
    TrainingResult,
    build_optimizer,
    choose_device,
    planned_steps,
    train,
)
from clickprompt.workflows.compiling import compile_interaction, compiled
from clickprompt.workflows.finetune import finetuning_config
from clickprompt.workflows.recipe import ModelName, Recipe
from clickprompt.workflows.seeds import seed_for, seed_torch
from clickprompt.workflows.tuning import language_learning_rate, tuned
from clickprompt.workflows.update.config import UpdateConfig


def training_config(recipe: Recipe, model: ModelName, config: UpdateConfig) -> FinetuneConfig:
    """The section that finetuned the model, for as many epochs as an update asks for; the last weights are kept."""
    changes: dict[str, object] = {"epochs": config.epochs, "max_steps": None, "early_stopping": None}
    if config.learning_rate is not None:
        changes["ctr_learning_rate"] = config.learning_rate
    return finetuning_config(recipe, model).model_copy(update=changes)


def train_on(
    method: Method,
    reader: SplitReader,
    recipe: Recipe,
    model: ModelName,
    config: FinetuneConfig,
    number: int,
    progress: Progress,
    checkpoints: Checkpoints | None,
    guard: Guard,
) -> TrainingResult:
    """Train on the reader's rows; `number` counts a model's updates, each of which has draws of its own."""
    device = choose_device(recipe.device)
    steps = TrainingSteps(
        reader,
        batch_size=config.batch_size,
        micro_batch_size=config.micro_batch_size or sentences_at_once(device),
        seed=seed_for(recipe.seed, f"update {number} rows"),
        oov_dropout=config.oov_dropout,
    )
    rates = {"ctr": config.ctr_learning_rate, "language": 0.0}
    if isinstance(config, FinetuneWithLanguageModelConfig):
        rates["language"] = language_learning_rate(recipe, config)
    method.to(device)
    task = f"update {model}"
    compile_interaction(method, config, steps.micro_batch_size, recipe.reads(model))
    with tuned(method, recipe, rates["language"], task, progress):
        optimizer = build_optimizer(method.parts(), rates, config, method.embedding_tables())
        with compiled(method, recipe, config, device):
            seed_torch(recipe.seed, f"update {number} draws")
            total = planned_steps(config, steps.steps_per_epoch)
            return train(
                method,
                steps,
                method.click_loss,
                method.click_amount,
                optimizer,
                config,
                device,
                report=progress.start(task, config.epochs * len(reader), "rows"),
                log_every=max(1, total // 20),
                checkpoints=checkpoints,
                guard=guard,
            )
