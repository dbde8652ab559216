"""An encoder without its weights: its configuration as JSON, and the way back."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CONFIG_MAPPING

from clickprompt.language.attention import ATTENTION
from clickprompt.language.encoder import PromptedEncoder
from clickprompt.language.quiet import quiet_transformers
from clickprompt.language.served import check_config, refuse
from clickprompt.settings import ClickPromptError

NOT_OURS = (
    "_name_or_path",
    "architectures",
    "auto_map",
    "dtype",
    "id2label",
    "label2id",
    "torch_dtype",
    "transformers_version",
)
"""What a checkpoint's configuration says beside the model's shape."""


def encoder_config_json(encoder: PromptedEncoder) -> dict[str, Any]:
    """What `build_encoder` needs, as plain JSON values; names no path and no code."""
    config = encoder.model.config.to_dict()  # type: ignore[operator, union-attr]
    return {name: value for name, value in config.items() if name not in NOT_OURS}


def refuse_code(config_json: dict[str, Any]) -> None:
    """Raise ClickPromptError where a bundle's configuration names code to run; none that was saved here does."""
    if "auto_map" in config_json:
        raise ClickPromptError("language_model/config.json names code to run (auto_map); do not use this bundle")


def build_encoder(config_json: dict[str, Any]) -> PromptedEncoder:
    """An encoder of this shape with random weights, float32, in evaluation mode; the caller's random numbers are left
    as they were.

    Raises ClickPromptError where the configuration is of no served kind.
    """
    refuse_code(config_json)
    fields = {name: value for name, value in config_json.items() if name not in (*NOT_OURS, "model_type")}
    kind = str(config_json.get("model_type"))
    if kind not in CONFIG_MAPPING:
        raise refuse(kind, "this transformers does not know them")
    config = CONFIG_MAPPING[kind](**fields)
    model_class = check_config(config)
    config._attn_implementation = ATTENTION
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        return PromptedEncoder(model_class(config).base_model).eval()  # type: ignore[attr-defined]
