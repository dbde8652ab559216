"""One loop for every method: optimizers, schedules, early stopping, scoring, devices."""

from clickprompt.freed_memory import reuse_freed_memory
from clickprompt.precision import Precision, autocast, bfloat16_pays, wants_bfloat16
from clickprompt.training.checkpoints import CheckpointConfig, Checkpoints
from clickprompt.training.config import (
    EarlyStoppingConfig,
    FinetuneConfig,
    FinetuneWithLanguageModelConfig,
    PretrainConfig,
    TrainingConfig,
)
from clickprompt.training.device import DeviceName, choose_device
from clickprompt.training.early_stopping import BestWeights
from clickprompt.training.guard import Guard, GuardConfig
from clickprompt.training.loop import planned_steps, train
from clickprompt.training.optimizer import MethodOptimizer, build_optimizer
from clickprompt.training.result import TrainingResult, Validation
from clickprompt.training.scoring import score
from clickprompt.training.stop import STOP, Stopped, signals_stop_training

__all__ = [
    "STOP",
    "BestWeights",
    "CheckpointConfig",
    "Checkpoints",
    "DeviceName",
    "EarlyStoppingConfig",
    "FinetuneConfig",
    "FinetuneWithLanguageModelConfig",
    "Guard",
    "GuardConfig",
    "MethodOptimizer",
    "Precision",
    "PretrainConfig",
    "Stopped",
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
    "signals_stop_training",
    "train",
    "wants_bfloat16",
]
