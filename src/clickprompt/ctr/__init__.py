"""ID models: one file each, over one shared embedding."""

from clickprompt.ctr.model import CTRModel, CTRModelConfig, count_parameters
from clickprompt.ctr.registry import CTR_MODELS, AnyCTRModelConfig, build_ctr_model

__all__ = ["CTR_MODELS", "AnyCTRModelConfig", "CTRModel", "CTRModelConfig", "build_ctr_model", "count_parameters"]
