"""What the commands do, as plain functions on a recipe."""

from clickprompt.workflows.data import Data, prepare
from clickprompt.workflows.evaluate import evaluate
from clickprompt.workflows.finetune import finetune
from clickprompt.workflows.predict import predict
from clickprompt.workflows.pretrain import pretrain
from clickprompt.workflows.progress import PlainProgress, SilentProgress, progress_for
from clickprompt.workflows.recipe import Recipe, load_recipe, parse_recipe
from clickprompt.workflows.run import run
from clickprompt.workflows.runs import RunFolder
from clickprompt.workflows.show import show

__all__ = [
    "Data",
    "PlainProgress",
    "Recipe",
    "RunFolder",
    "SilentProgress",
    "evaluate",
    "finetune",
    "load_recipe",
    "parse_recipe",
    "predict",
    "prepare",
    "pretrain",
    "progress_for",
    "run",
    "show",
]
