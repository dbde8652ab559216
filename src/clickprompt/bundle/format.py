"""A bundle: a trained model in a folder, with everything that scoring raw rows needs. No pickle anywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from clickprompt.bundle.growing import AGES_FILE
from clickprompt.bundle.manifest import FORMAT, KIND, MANIFEST, read_bundle_manifest
from clickprompt.bundle.parts import EmptyParts
from clickprompt.calibration import CALIBRATION_FILE, Calibrator, read_calibrator, write_calibrator
from clickprompt.contracts import FieldStatistics, Reads
from clickprompt.ctr import AnyCTRModelConfig, CTRModelConfig
from clickprompt.language import LanguageModelConfig, LanguageTokenizer
from clickprompt.methods import METHODS, AnyMethodConfig, Method, MethodConfig, build_method
from clickprompt.settings import ClickPromptError, explain
from clickprompt.storage import clear_disk_errors, new_folder, write_manifest
from clickprompt.table import Vocabulary


@dataclass(frozen=True)
class Bundle:
    """A bundle, opened."""

    folder: Path
    manifest: dict[str, Any]
    method: Method
    vocabulary: Vocabulary
    language: LanguageModelConfig | None = None
    tokenizer: LanguageTokenizer | None = None
    calibrator: Calibrator | None = None
    """What turns logits into probabilities; None: the logistic function alone."""

    @property
    def reads(self) -> Reads:
        """What its method reads of a row."""
        return METHODS[self.manifest["method"]["kind"]].reads


def save_bundle(
    folder: Path,
    method: Method,
    *,
    method_config: MethodConfig,
    ctr_config: CTRModelConfig | None,
    vocabulary: Vocabulary,
    calibrator: Calibrator | None = None,
    language_config: LanguageModelConfig | None = None,
    tokenizer: LanguageTokenizer | None = None,
    measures: dict[str, Any] | None = None,
    provenance: dict[str, Any] | None = None,
    value_ages: np.ndarray | None = None,
) -> None:
    """Write a bundle whole or not at all; an older one at the same place is replaced only once this one is complete.

    `value_ages` int32 (V,): updates in a row that have not seen each value, for bundles that are updated.
    """
    with new_folder(folder) as new:
        save_weights(new / "weights.safetensors", method.state_dict())
        vocabulary.save(new)
        if value_ages is not None:
            np.save(new / AGES_FILE, value_ages.astype(np.int32))
        if calibrator is not None:
            write_calibrator(new, calibrator)
        if tokenizer is not None:
            (new / "language_model").mkdir()
            config = method.language_config_json()
            (new / "language_model" / "config.json").write_text(json.dumps(config, indent=2))
            tokenizer.save(new / "language_model")
        content = {
            "ctr_model": None if ctr_config is None else ctr_config.model_dump(mode="json"),
            "method": method_config.model_dump(mode="json"),
            "language_model": None if language_config is None else language_config.model_dump(mode="json"),
            "measures": measures or {},
            "provenance": {**(provenance or {}), "torch": torch.__version__},
        }
        write_manifest(new, MANIFEST, content, kind=KIND, version=FORMAT)


def replace_calibrator(folder: Path, calibrator: Calibrator | None, provenance: dict[str, Any]) -> None:
    """Give a bundle another calibrator, or none, and renew parts of its provenance; all else stays, byte by byte.

    Whole or not at all. Raises ClickPromptError for a changed byte.
    """
    manifest = read_bundle_manifest(folder)
    files = manifest.pop("files")
    with new_folder(folder) as new:
        for name in files:
            if name != CALIBRATION_FILE:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, new / name)
        if calibrator is not None:
            write_calibrator(new, calibrator)
        content = {**manifest, "provenance": {**manifest["provenance"], **provenance}}
        write_manifest(new, MANIFEST, content, kind=KIND, version=FORMAT)


def save_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights as safetensors. A full disk is an OSError, as with any other file."""
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    path.write_bytes(content)


def load_bundle(folder: Path) -> Bundle:
    """Open a bundle and rebuild its model on the CPU.

    Raises ClickPromptError for a changed byte, another format, or weights that do not fit, each named.
    """
    manifest = read_bundle_manifest(folder)
    with clear_disk_errors(folder):
        vocabulary = Vocabulary.load(folder)
        method, language, tokenizer = _rebuild(folder, manifest, vocabulary.statistics)
        try:
            weights = load_file(folder / "weights.safetensors")
        except SafetensorError as error:
            raise ClickPromptError(f"{folder / 'weights.safetensors'}: not readable weights: {error}") from None
    _fill(method, weights, folder)
    calibrator = read_calibrator(folder) if CALIBRATION_FILE in manifest["files"] else None
    return Bundle(folder, manifest, method.eval(), vocabulary, language, tokenizer, calibrator)


def _rebuild(
    folder: Path, manifest: dict[str, Any], statistics: FieldStatistics
) -> tuple[Method, LanguageModelConfig | None, LanguageTokenizer | None]:
    try:
        ctr_config: CTRModelConfig | None = _adapter(AnyCTRModelConfig | None).validate_python(manifest["ctr_model"])
        method_config: MethodConfig = _adapter(AnyMethodConfig).validate_python(manifest["method"])
        language = manifest["language_model"] and LanguageModelConfig.model_validate(manifest["language_model"])
    except ValidationError as error:
        raise explain(error, str(folder / MANIFEST), manifest) from None
    method = build_method(method_config, EmptyParts(folder / "language_model", ctr_config, language, statistics))
    tokenizer = None if method_config.reads == "ids" else LanguageTokenizer.load(folder / "language_model")
    return method, language, tokenizer


@cache
def _adapter(kinds: Any) -> TypeAdapter[Any]:
    """Made once: making it takes longer than reading a small bundle."""
    return TypeAdapter(kinds)


def _fill(method: Method, weights: dict[str, torch.Tensor], folder: Path) -> None:
    own = method.state_dict()
    faults = [f"missing {name}" for name in sorted(own.keys() - weights.keys())]
    faults += [f"extra {name}" for name in sorted(weights.keys() - own.keys())]
    faults += [
        f"{name} is {tuple(weights[name].shape)}, expected {tuple(own[name].shape)}"
        for name in sorted(own.keys() & weights.keys())
        if own[name].shape != weights[name].shape
    ]
    if faults:
        raise ClickPromptError(f"{folder}: weights do not fit the model: {'; '.join(faults)}")
    method.load_state_dict(weights)
