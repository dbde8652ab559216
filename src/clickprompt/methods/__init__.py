"""How ID models and language models meet."""

from clickprompt.methods.clickprompt import ClickPrompt, ClickPromptConfig
from clickprompt.methods.id_only import IDOnly, IDOnlyConfig
from clickprompt.methods.masked_field import MaskedField, MaskedFieldConfig
from clickprompt.methods.method import Method, MethodConfig, Pretrainable
from clickprompt.methods.parts import Parts
from clickprompt.methods.prompts import PromptConfig, PromptGenerator
from clickprompt.methods.registry import BASE, METHODS, MODELS, AnyMethodConfig, Model, build_method

__all__ = [
    "BASE",
    "METHODS",
    "MODELS",
    "AnyMethodConfig",
    "ClickPrompt",
    "ClickPromptConfig",
    "IDOnly",
    "IDOnlyConfig",
    "MaskedField",
    "MaskedFieldConfig",
    "Method",
    "MethodConfig",
    "Model",
    "Parts",
    "Pretrainable",
    "PromptConfig",
    "PromptGenerator",
    "build_method",
]
