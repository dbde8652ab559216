"""One loop for every method: optimizers, schedules, early stopping, scoring, devices."""

from clickprompt.freed_memory import reuse_freed_memory
from clickprompt.precision import Precision, autocast, bfloat16_pays, wants_bfloat16
from clickprompt.training.config import (
    EarlyStoppingConfig,
    FinetuneConfig,
    FinetuneWithLanguageModelConfig,
    PretrainConfig,
    TrainingConfig,
)
from clickprompt.training.device import DeviceName, choose_device
from clickprompt.training.early_stopping import BestWeights
from clickprompt.training.loop import TrainingResult, Validation, planned_steps, train
from clickprompt.training.optimizer import MethodOptimizer, build_optimizer
from clickprompt.training.scoring import score

__all__ = [
    "BestWeights",
    "DeviceName",
    "EarlyStoppingConfig",
    "FinetuneConfig",
    "FinetuneWithLanguageModelConfig",
    "MethodOptimizer",
    "Precision",
    "PretrainConfig",
    "TrainingConfig",
    "TrainingResult",
    "Validation",
    "autocast",
    "bfloat16_pays",
    "build_optimizer",
    "choose_device",
    "planned_steps",
    "reuse_freed_memory",
    "score",
    "train",
    "wants_bfloat16",
]
