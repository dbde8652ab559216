"""How ID models and language models meet."""

from clickprompt.methods.clickprompt import ClickPrompt, ClickPromptConfig
from clickprompt.methods.id_only import IDOnly, IDOnlyConfig
from clickprompt.methods.masked_field import MaskedField, MaskedFieldConfig
from clickprompt.methods.method import Method, Pretrainable
from clickprompt.methods.prompts import PromptConfig, PromptGenerator
from clickprompt.methods.registry import METHODS, AnyMethodConfig

__all__ = [
    "METHODS",
    "AnyMethodConfig",
    "ClickPrompt",
    "ClickPromptConfig",
    "IDOnly",
    "IDOnlyConfig",
    "MaskedField",
    "MaskedFieldConfig",
    "Method",
    "Pretrainable",
    "PromptConfig",
    "PromptGenerator",
]
