"""What a method of a study is in the papers' words, told from its settings rather than from its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clickprompt.workflows.study.entries import Entry
from clickprompt.workflows.study.merge import merged

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study

FAMILIES = ("id", "language", "clickprompt", "flip", "controls")
"""Groups of rows of table 2, in its order."""
CLICKPROMPT = {"clickprompt-without-lm": "without LM", "clickprompt-with-lm": "with LM"}
"""How each served form of ClickPrompt is finetuned (table 3)."""
FULL, FIRST_LAYER, LAYER_WISE = "ClickPrompt", "first layer", "layer-wise"


def family_of(study: Study, entry: Entry) -> str:
    """Which of `FAMILIES` an entry belongs to."""
    if entry.model == "id-only":
        return "id"
    permuted = _section(study, entry, "language_model").get("permute_values") is not None
    if entry.model == "masked-field" or permuted:
        return "controls"
    if entry.model.startswith("clickprompt"):
        return "clickprompt"
    return "flip" if entry.model.startswith("flip") else "language"


def ablation_of(study: Study, entry: Entry) -> str:
    """The row of table 5: `ClickPrompt`, `without prompt`, `without pretraining` or `without both`."""
    method = _section(study, entry, "method")
    prompt = "prompt" not in method or method["prompt"] is not None
    pretraining = _settings(study, entry).get("pretrain", {}) is not None
    if prompt:
        return FULL if pretraining else "without pretraining"
    return "without prompt" if pretraining else "without both"


def prompted_layers(study: Study, entry: Entry) -> str:
    """The side of table 4: `first layer` or `layer-wise`."""
    prompt = _section(study, entry, "method").get("prompt") or {}
    return FIRST_LAYER if prompt.get("layers") == "first" else LAYER_WISE


def is_clickprompt(study: Study, entry: Entry) -> bool:
    """Whether it is ClickPrompt as the papers' main tables mean it: no ablation, no control."""
    whole = ablation_of(study, entry) == FULL and prompted_layers(study, entry) == LAYER_WISE
    return entry.model in CLICKPROMPT and whole and family_of(study, entry) == "clickprompt"


def ctr_kind(study: Study, entry: Entry) -> str | None:
    """`kind` of an entry's ID model, None where it has none or leaves it to the default."""
    return _section(study, entry, "ctr_model").get("kind")


def language_name(study: Study, entry: Entry) -> str:
    """`name` of an entry's language model, "" where it has none or leaves it to the default."""
    return str(_section(study, entry, "language_model").get("name") or "")


def _section(study: Study, entry: Entry, name: str) -> dict[str, Any]:
    section = _settings(study, entry).get(name)
    return {"kind": section} if isinstance(section, str) else section or {}


def _settings(study: Study, entry: Entry) -> dict[str, Any]:
    data_set, method, ctr_model, language_model = entry.key
    layers: list[dict[str, Any]] = [study.base, study.data_sets.get(data_set, {})]
    if ctr_model in study.ctr_models:
        layers.append({"ctr_model": study.ctr_models[ctr_model]})
    if language_model in study.language_models:
        layers.append({"language_model": study.language_models[language_model]})
    if method in study.methods:
        layers.append(study.methods[method].recipe)
    return merged({}, *layers)
