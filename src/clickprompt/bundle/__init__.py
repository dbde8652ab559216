"""What is saved and shipped: save, load, predict.

Names that need PyTorch load it when they are first used: a server that scores by an exported graph never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickprompt.bundle.manifest import MANIFEST, read_bundle_manifest, reads_words
from clickprompt.lazy_names import loaded_when_used

if TYPE_CHECKING:
    from clickprompt.bundle.format import Bundle, load_bundle, replace_calibrator, save_bundle, save_weights
    from clickprompt.bundle.growing import grow_method, read_ages
    from clickprompt.bundle.padded_inputs import token_batches, token_inputs
    from clickprompt.bundle.predictor import Prediction, Predictor
    from clickprompt.bundle.side_scores import score_sides
    from clickprompt.bundle.value_reader import read_values

_LOADED_WHEN_USED = {
    "Bundle": "format",
    "load_bundle": "format",
    "replace_calibrator": "format",
    "save_bundle": "format",
    "save_weights": "format",
    "grow_method": "growing",
    "read_ages": "growing",
    "Prediction": "predictor",
    "Predictor": "predictor",
    "score_sides": "side_scores",
    "token_batches": "padded_inputs",
    "token_inputs": "padded_inputs",
    "read_values": "value_reader",
}

__getattr__ = loaded_when_used(__name__, _LOADED_WHEN_USED)

__all__ = [
    "MANIFEST",
    "Bundle",
    "Prediction",
    "Predictor",
    "grow_method",
    "load_bundle",
    "read_ages",
    "read_bundle_manifest",
    "read_values",
    "reads_words",
    "replace_calibrator",
    "save_bundle",
    "save_weights",
    "score_sides",
    "token_batches",
    "token_inputs",
]
