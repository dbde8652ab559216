"""What every measure refuses: rows that do not match, scores that are not numbers, labels of one class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clickprompt.settings import ClickPromptError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


def checked_labels(labels: npt.ArrayLike, *, both_classes: bool = False) -> Bools:
    """Labels as bool (rows,). Raises ClickPromptError for no rows, values other than 0 and 1, and a missing class."""
    array = np.asarray(labels)
    if array.ndim != 1 or not len(array):
        raise ClickPromptError(f"labels: shape {array.shape}; expected at least one row in one dimension")
    if array.dtype == np.bool_:
        clicks = array
    else:
        clicks = array == 1
        strange = ~clicks & (array != 0)
        if strange.any():
            row = int(strange.argmax())
            raise ClickPromptError(f"labels, row {row + 1:,}: {array[row]!s}; expected 0 or 1")
    if both_classes and (clicks.all() or not clicks.any()):
        only = int(clicks[0])
        raise ClickPromptError(
            f"labels: all {len(clicks):,} are {only}; this measure needs both classes, choose a split that holds both"
        )
    return clicks


def checked_scores(scores: npt.ArrayLike, rows: int, name: str = "scores") -> Floats:
    """Scores as floating point (rows,), float32 kept. Raises ClickPromptError for other lengths, NaN and infinity."""
    array = np.asarray(scores)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    _check_length(array, rows, name)
    finite = np.isfinite(array)
    if not finite.all():
        row = int(finite.argmin())
        raise ClickPromptError(
            f"{name}, row {row + 1:,}: {array[row]!s} ({int((~finite).sum()):,} of {rows:,} are not finite); "
            "the model has diverged, try a lower learning rate"
        )
    return array


def checked_probabilities(probabilities: npt.ArrayLike, rows: int) -> Floats:
    """Probabilities (rows,) in [0, 1]. Raises ClickPromptError for anything else."""
    array = checked_scores(probabilities, rows, "probabilities")
    outside = (array < 0) | (array > 1)
    if outside.any():
        row = int(outside.argmax())
        raise ClickPromptError(f"probabilities, row {row + 1:,}: {array[row]!s}; expected 0 to 1, are these logits?")
    return array


def checked_weights(weights: npt.ArrayLike, rows: int) -> npt.NDArray[np.float64]:
    """Sample weights as float64 (rows,). Raises ClickPromptError where one is negative or not finite, or all are 0."""
    array = np.asarray(weights, dtype=np.float64)
    _check_length(array, rows, "weights")
    wrong = ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ClickPromptError(f"weights, row {row + 1:,}: {array[row]!s}; expected a number of 0 or more")
    if not array.any():
        raise ClickPromptError(f"weights: all {rows:,} are 0; at least one must be more")
    return array


def checked_groups(groups: npt.ArrayLike, rows: int) -> npt.NDArray:
    """Group of each row (rows,), any type that sorts. Raises ClickPromptError for another length."""
    array = np.asarray(groups)
    _check_length(array, rows, "groups")
    return array


def checked_mask(mask: npt.ArrayLike, rows: int, name: str) -> Bools:
    """A slice's rows as bool (rows,). Raises ClickPromptError for another length or type."""
    array = np.asarray(mask)
    _check_length(array, rows, f"slice {name!r}")
    if array.dtype != np.bool_:
        raise ClickPromptError(f"slice {name!r}: {array.dtype} values; expected true or false for each row")
    return array


def _check_length(array: npt.NDArray, rows: int, name: str) -> None:
    if array.shape != (rows,):
        raise ClickPromptError(
            f"{name}: shape {array.shape}, but there are {rows:,} labels; both must be the same rows"
        )
