"""How ID models and language models meet."""

from clickprompt.methods.clickprompt import ClickPrompt, ClickPromptConfig
from clickprompt.methods.ctr_bert import CTRBert, CTRBertConfig
from clickprompt.methods.ctrl import CTRL, CTRLConfig
from clickprompt.methods.flip import FLIP, FLIPConfig
from clickprompt.methods.id_only import IDOnly, IDOnlyConfig
from clickprompt.methods.masked_field import MaskedField, MaskedFieldConfig
from clickprompt.methods.method import Method, MethodConfig, Pretrainable
from clickprompt.methods.p5 import P5, P5Config
from clickprompt.methods.parts import Parts
from clickprompt.methods.prompts import PromptConfig, PromptGenerator
from clickprompt.methods.ptab import PTab, PTabConfig
from clickprompt.methods.registry import BASE, METHODS, MODELS, AnyMethodConfig, Model, build_method
from clickprompt.methods.text_features import TextFeatures, TextFeaturesConfig, vectors_of
from clickprompt.methods.two_tower import TwoTower

__all__ = [
    "BASE",
    "CTRL",
    "FLIP",
    "METHODS",
    "MODELS",
    "P5",
    "AnyMethodConfig",
    "CTRBert",
    "CTRBertConfig",
    "CTRLConfig",
    "ClickPrompt",
    "ClickPromptConfig",
    "FLIPConfig",
    "IDOnly",
    "IDOnlyConfig",
    "MaskedField",
    "MaskedFieldConfig",
    "Method",
    "MethodConfig",
    "Model",
    "P5Config",
    "PTab",
    "PTabConfig",
    "Parts",
    "Pretrainable",
    "PromptConfig",
    "PromptGenerator",
    "TextFeatures",
    "TextFeaturesConfig",
    "TwoTower",
    "build_method",
    "vectors_of",
]
