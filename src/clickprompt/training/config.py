"""Settings of pretraining and finetuning."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting
from pydantic import NonNegativeInt, PositiveInt

from clickprompt.calibration import CalibrationKind
from clickprompt.precision import Precision
from clickprompt.settings import Settings

EmbeddingOptimizer = Literal["auto", "dense", "sparse", "rowwise-adagrad"]


class TrainingConfig(Settings):
    """What pretraining and finetuning share."""

    epochs: PositiveInt = 1
    """Passes over the rows."""
    max_steps: PositiveInt | None = None
    """Stop after so many optimizer steps, if that comes first; the schedule is laid over the steps to be taken."""
    batch_size: PositiveInt = 256
    """Rows of one optimizer step."""
    micro_batch_size: PositiveInt | None = None
    """Rows that pass through the LM at once; gradients add up to the whole batch. Unset: what suits the device."""
    ctr_learning_rate: float = Setting(default=1e-3, ge=0)
    """Of the ID model, the prompts' projections and all new heads."""
    embedding_optimizer: EmbeddingOptimizer = "auto"
    """`dense`: AdamW over the whole table; `sparse`: the same by the rows of the batch, for large tables;
    `rowwise-adagrad`: one number a row and no decay, for tables that fill the memory; `auto`: by the table's size."""
    embedding_learning_rate: float | None = Setting(default=None, ge=0)
    """Of the embedding table; unset: `ctr_learning_rate`. 0 freezes it."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How learning rates fall after warm-up: not at all, or to zero."""
    warmup_ratio: float = Setting(default=0.0, ge=0, lt=1)
    """Share of the steps over which learning rates rise from zero."""
    weight_decay: float = Setting(default=0.0, ge=0)
    """AdamW's decay of weight matrices and embedding tables; biases and normalisations are spared."""
    gradient_clip: float | None = Setting(default=None, gt=0)
    """Largest norm of all gradients together."""
    oov_dropout: float = Setting(default=0.01, ge=0, lt=1)
    """Share of training values whose embedding row gives way to their field's OOV row, which so learns. Text stays."""
    compile_interaction: bool = False
    """Compile the ID model's interaction (torch.compile) first: a minute or two, and a C++ compiler on CPUs."""
    precision: Precision = "auto"
    """`auto`: bfloat16 for the language model where the processor computes it natively, else float32."""


class PretrainConfig(TrainingConfig):
    """Pretraining without labels."""

    rows: Literal["train", "train+validation"] = "train"
    """Which rows are read. The authors add validation rows; test rows never are."""
    mask_rate: float = Setting(default=0.15, gt=0, lt=1)
    """Share of word pieces chosen; of those 80 % are masked, 10 % replaced, 10 % kept. Under flip and
    masked-field: share of fields."""
    language_learning_rate: float | None = Setting(default=None, ge=0)
    """Of what `language_model.tuning` trains; 0 freezes it. Unset: 5e-5 for all weights, 3e-4 for LoRA."""
    epochs: PositiveInt = 20
    """Passes over the rows."""
    batch_size: PositiveInt = 1024
    """Rows of one optimizer step."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """How learning rates fall after warm-up."""
    warmup_ratio: float = Setting(default=0.05, ge=0, lt=1)
    """Share of the steps over which learning rates rise from zero."""


class EarlyStoppingConfig(Settings):
    """When to stop for lack of progress on validation AUC. The best weights are kept in any case."""

    patience: NonNegativeInt = 2
    """Evaluations without a new best that are borne before stopping."""


class FinetuneConfig(TrainingConfig):
    """Training on clicks: the ID model alone."""

    epochs: PositiveInt = 4
    """Passes over the training rows."""
    evaluations_per_epoch: PositiveInt = 2
    """Validation AUC is measured so many times an epoch, at even distances, the last at its end."""
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    """Null: train all epochs. The best weights are kept either way."""
    calibration: CalibrationKind = "none"
    """Fitted on validation rows after training, kept in the bundle, and put between logit and probability: `platt` is
    a line, `isotonic` any rising curve."""


class FinetuneWithLanguageModelConfig(FinetuneConfig):
    """Training on clicks: ID model and language model together."""

    language_learning_rate: float | None = Setting(default=None, ge=0)
    """Of what `language_model.tuning` trains; 0 freezes it. Unset: 5e-5 for all weights, 3e-4 for LoRA."""
    epochs: PositiveInt = 2
    """Passes over the training rows."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How learning rates fall after warm-up."""
    warmup_ratio: float = Setting(default=0.05, ge=0, lt=1)
    """Share of the steps over which learning rates rise from zero."""
