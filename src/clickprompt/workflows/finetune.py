"""Finetuning: each of a recipe's models, trained on clicks and kept as a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.batches import SplitReader, TrainingSteps, sentences_at_once
from clickprompt.bundle import read_bundle_manifest, save_bundle
from clickprompt.calibration import shifted
from clickprompt.contracts import Progress
from clickprompt.ctr import count_parameters
from clickprompt.evaluation import auc, log_loss
from clickprompt.methods import Method
from clickprompt.training import (
    BestWeights,
    Checkpoints,
    FinetuneConfig,
    FinetuneWithLanguageModelConfig,
    Guard,
    TrainingResult,
    Validation,
    build_optimizer,
    choose_device,
    planned_steps,
    train,
)
from clickprompt.workflows.build import new_method
from clickprompt.workflows.calibrate import Calibration, calibration_of
from clickprompt.workflows.checkpointing import checkpoints_of, forget_checkpoints, guard_of
from clickprompt.workflows.compiling import compile_interaction, compiled
from clickprompt.workflows.data import Data
from clickprompt.workflows.negatives import negatives_of, shift_of
from clickprompt.workflows.pretrain import STEP as PRETRAINED
from clickprompt.workflows.pretrain import (
    load_pretrained,
    pretrain,
    pretraining_inputs,
)
from clickprompt.workflows.progress import duration
from clickprompt.workflows.recalibrate import calibrated_as, recalibrate
from clickprompt.workflows.recipe import ModelName, Recipe, dump_recipe
from clickprompt.workflows.resources import check_resources
from clickprompt.workflows.runs import RunFolder, inputs_of, machine
from clickprompt.workflows.scoring import score_rows
from clickprompt.workflows.seeds import seed_for, seed_torch
from clickprompt.workflows.tuning import check_tuning, language_inputs, language_learning_rate, training_inputs, tuned
from clickprompt.workflows.value_vectors import VERSION as VECTORS


def finetuning_inputs(recipe: Recipe, model: ModelName, data: Data) -> str:
    """Fingerprint of everything that decides a model's weights; its calibrator is fitted after them."""
    config, pretrained = finetuning_config(recipe, model), recipe.starts_pretrained(model)
    words = recipe.tunes_words(model)
    inputs: dict[str, Any] = {
        "model": model,
        "start": pretraining_inputs(recipe, data) if pretrained else None,
        "data": data.table.fingerprint,
        "ctr_model": recipe.ctr_model.model_dump(mode="json"),
        "pooling": recipe.language_model and recipe.language_model.pooling if recipe.reads(model) != "ids" else None,
        "finetune": training_inputs(recipe, config),
        "seed": recipe.seed,
        "machine": machine(recipe.device, config.precision, words=words),
    }
    if not pretrained and recipe.reads(model) != "ids":  # else the pretrained state knows of these
        inputs |= {
            "words": data.fingerprint,
            "language_model": language_inputs(recipe),
            "method": recipe.method.model_dump(mode="json"),
        }
    if recipe.reads(model) == "values":
        inputs["vectors"] = VECTORS
    if shift := shift_of(negatives_of(data.table)):
        inputs["shift"] = shift
    return inputs_of(**inputs)


def finetuning_config(recipe: Recipe, model: ModelName) -> FinetuneConfig:
    """The settings that train this model."""
    return recipe.finetune_with_language_model if recipe.tunes_words(model) else recipe.finetune


def finetuned(recipe: Recipe, model: ModelName, run: RunFolder, data: Data) -> dict[str, Any] | None:
    """What `finetune` kept of a model; None where it has not been trained and calibrated as the recipe asks."""
    inputs = finetuning_inputs(recipe, model, data)
    state = run.done(model, inputs)
    made = {} if state is None else provenance_of(run.bundle(model))
    if state is None or made.get("inputs") != inputs:
        return None
    return state if calibrated_as(made, state) == finetuning_config(recipe, model).calibration else None


def finetune(recipe: Recipe, model: ModelName, run: RunFolder, data: Data, progress: Progress) -> None:
    """Train one model, from the pretrained state where it has one, and save its bundle; skipped if already done.

    Weights that are already trained are kept where the recipe asks for another calibrator alone. Validation rows choose
    the weights. Test rows are not touched here.
    """
    inputs, config = finetuning_inputs(recipe, model, data), finetuning_config(recipe, model)
    trained = run.done(model, inputs)
    made = {} if trained is None else provenance_of(run.bundle(model))
    if trained is not None and made.get("inputs") == inputs:
        forget_checkpoints(run, model)
        if calibrated_as(made, trained) == config.calibration:
            progress.say(f"finetune {model}: already done, {run.bundle(model)}")
        else:
            recalibrate(recipe, model, config, run, data, inputs, trained, progress)
        return
    check_tuning(recipe, config)
    served = recipe.served(model)
    check_resources(recipe, served, config, data.table.statistics, run.path, f"finetune {model}", progress)
    method = new_method(served, recipe, data)
    pretrain_seconds = 0.0
    if recipe.starts_pretrained(model):
        state = run.done(PRETRAINED, pretraining_inputs(recipe, data))
        if state is None:
            pretrain(recipe, run, data, progress)
            state = run.done(PRETRAINED, pretraining_inputs(recipe, data))
            assert state is not None
        load_pretrained(method, run.step(PRETRAINED))
        pretrain_seconds = state["seconds"]
    with checkpoints_of(recipe, run, model, inputs, progress) as checkpoints:
        guard = guard_of(recipe, run, model, progress)
        result, calibration = _train(method, recipe, model, data, progress, checkpoints, guard)
        summary = {
            "train_seconds": result.seconds,
            "pretrain_seconds": pretrain_seconds,
            "steps": result.steps,
            "samples": result.samples,
            "validation_auc": result.best_auc,
            "best_step": result.best_step,
            "parameters": count_parameters(method),
            "calibration": None if calibration is None else calibration.record,
        }
        save_bundle(
            run.bundle(model),
            method.cpu(),
            method_config=served,
            ctr_config=None if method.ctr is None else recipe.ctr_model,
            language_config=None if served.reads == "ids" else recipe.language_model,
            tokenizer=None if served.reads == "ids" else data.tokenizer,
            vocabulary=data.table.vocabulary(),
            calibrator=None if calibration is None else calibration.calibrator,
            measures={"validation_auc": result.best_auc},
            provenance={
                "model": model,
                "inputs": inputs,
                "seed": recipe.seed,
                "recipe": dump_recipe(recipe),
                "calibration": config.calibration,
            },
        )
        with run.write_step(model, inputs, summary) as folder:
            (folder / "history.json").write_text(json.dumps(result.history))
    progress.say(
        f"finetune {model}: {result.steps:,} steps in {duration(result.seconds)}, "
        f"best validation AUC {result.best_auc:.4f} at step {result.best_step:,}"
    )


def provenance_of(bundle: Path) -> dict[str, Any]:
    """What a whole bundle says of how it was made; nothing where there is none."""
    return read_bundle_manifest(bundle)["provenance"] if bundle.exists() else {}


def _train(
    method: Method,
    recipe: Recipe,
    model: ModelName,
    data: Data,
    progress: Progress,
    checkpoints: Checkpoints | None,
    guard: Guard,
) -> tuple[TrainingResult, Calibration | None]:
    """Train and calibrate on validation rows; the method then holds its best weights."""
    reads, words = recipe.reads(model), recipe.tunes_words(model)
    config = finetuning_config(recipe, model)
    device = choose_device(recipe.device)
    micro_batch_size = config.micro_batch_size or sentences_at_once(device)
    steps = TrainingSteps(
        data.reader(["train"], reads=reads),
        batch_size=config.batch_size,
        micro_batch_size=micro_batch_size,
        seed=seed_for(recipe.seed, "finetune rows"),
        oov_dropout=config.oov_dropout,
    )
    # As trained, `score_as` aside: clicks came from real positions, so weights that still hold the bias of positions in
    # the items would win on rows whose position is fixed.
    validation_rows = data.reader(["validation"], reads=reads)
    labels, weights = np.asarray(validation_rows.labels), validation_rows.weights
    shift = shift_of(negatives_of(data.table))

    def validation_logits(reader: SplitReader) -> np.ndarray:
        told = progress.start(f"validate {model}", len(reader), "rows") if words else None
        return score_rows(method, reader, device, config.precision, told, config.micro_batch_size)

    def measure() -> dict[str, float]:
        logits = validation_logits(validation_rows)
        return {"auc": auc(labels, logits), "log_loss": log_loss(labels, shifted(logits, shift), weights=weights)}

    method.to(device)
    rates = {"ctr": config.ctr_learning_rate, "language": 0.0}
    if isinstance(config, FinetuneWithLanguageModelConfig):
        rates["language"] = language_learning_rate(recipe, config)
    compile_interaction(method, config, steps.micro_batch_size, reads)
    with tuned(method, recipe, rates["language"], f"finetune {model}", progress):
        optimizer = build_optimizer(method.parts(), rates, config, method.embedding_tables())
        with compiled(method, recipe, config, device):
            seed_torch(recipe.seed, "finetune draws")
            total = planned_steps(config, steps.steps_per_epoch)
            report = progress.start(
                f"finetune {model}", min(total * config.batch_size, config.epochs * len(steps.reader)), "rows"
            )
            result = train(
                method,
                steps,
                method.click_loss,
                method.click_amount,
                optimizer,
                config,
                device,
                validation=Validation(measure, config.evaluations_per_epoch, BestWeights(config.early_stopping)),
                report=report,
                log_every=max(1, total // 200),
                checkpoints=checkpoints,
                guard=guard,
            )

    def as_served() -> np.ndarray:
        return validation_logits(data.reader(["validation"], reads=reads, scoring=True))

    calibration = calibration_of(config.calibration, labels, as_served, weights, shift, recipe.seed, model, progress)
    return result, calibration
