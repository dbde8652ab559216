"""What is saved and shipped: save, load, predict."""

from clickprompt.bundle.format import (
    Bundle,
    load_bundle,
    read_bundle_manifest,
    replace_calibrator,
    save_bundle,
    save_weights,
)
from clickprompt.bundle.predictor import Prediction, Predictor
from clickprompt.bundle.side_scores import score_sides
from clickprompt.bundle.value_reader import read_values

__all__ = [
    "Bundle",
    "Prediction",
    "Predictor",
    "load_bundle",
    "read_bundle_manifest",
    "read_values",
    "replace_calibrator",
    "save_bundle",
    "save_weights",
    "score_sides",
]
