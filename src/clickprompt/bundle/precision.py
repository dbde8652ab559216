"""A bundle's model with the numbers it shall score with."""

from __future__ import annotations

import copy
from typing import get_args

import torch

from clickprompt.bundle.format import Bundle
from clickprompt.methods import Method
from clickprompt.precision import ScoringPrecision
from clickprompt.settings import ClickPromptError, did_you_mean


def method_for(bundle: Bundle, device: torch.device, precision: ScoringPrecision) -> Method:
    """The bundle's model on the device; for `int8` a copy that shares all weights but those of the LM's layers.

    Raises ClickPromptError for a precision that is unknown, or for int8 where no words are read or on a GPU.
    """
    known = get_args(ScoringPrecision)
    if precision not in known:
        raise ClickPromptError(f"precision {precision}: not a precision{did_you_mean(precision, known)}")
    if precision != "int8":
        return bundle.method.to(device).eval()
    if not bundle.method.encoders():
        why = "reads no words, and int8 is for reading words" if bundle.language is None else "T5 has no int8 form"
        raise ClickPromptError(f"{bundle.folder}: {why}; choose precision float32")
    if device.type != "cpu":
        raise ClickPromptError(
            f"precision: int8 is computed on CPUs alone, not on {device.type}; choose device cpu, or precision bfloat16"
        )
    return _in_int8(bundle.method.to(device).eval())


def _in_int8(method: Method) -> Method:
    from clickprompt.language import quantized

    stays: dict[int, object] = {id(tensor): tensor for tensor in (*method.parameters(), *method.buffers())}
    return copy.deepcopy(method, stays | {id(encoder): quantized(encoder) for encoder in method.encoders()})
