"""Hints that a data set may make results lie: answers among the fields, fields that say nothing, test rows known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clickprompt.contracts import Field, SplitName, TableSchema
from clickprompt.table.factors import Factors
from clickprompt.table.values import Values

LEAK_AUC = 0.99
"""A field that alone ranks training rows this well may hold the answer."""
CONSTANT_SHARE = 0.999
UNSEEN_SHARE = 0.95
OVERLAP_SHARE = 0.05


def data_hints(
    schema: TableSchema,
    values: Values,
    factors: Sequence[Factors],
    of_classes: Sequence[np.ndarray],
    of_test: Sequence[np.ndarray],
    overlap: Mapping[SplitName, float],
) -> dict[str, Any]:
    """What was measured, and under `hints` a sentence for each figure beyond its limit.

    For each field, by code: `of_classes`, the `class_counts` of training rows; `of_test`, int64, test rows.
    `fields`, by name: `auc` (alone, on training rows, see `lone_auc` and `number_auc`), `most_common` (share of
    training rows with one value), `unseen_test` (share of test rows whose value no training row holds, whose number
    lies outside training's; None for lists and hashed fields, where a row learns from parts of it). `overlap`: share of
    validation and test rows that equal a training row in every field.
    """
    fields = {
        field.name: _measured(field, factor, values.embedding_rows[of_code], counts, test)
        for field, factor, of_code, counts, test in zip(
            schema.fields, factors, values.value_of_code, of_classes, of_test, strict=True
        )
    }
    return {"fields": fields, "overlap": dict(overlap), "hints": [*_of_fields(fields), *_of_rows(overlap)]}


def lone_auc(counts: np.ndarray) -> float:
    """AUC of one field alone, from its `class_counts`; the mean over both halves of the rows, the even and the odd.

    A row's score is the click rate of its value in the other half, (clicks + r)/(rows + 1) with r the rate of all rows,
    so that a value that no other row holds says nothing. A half with one class has AUC 1/2.
    """
    prior = counts[:, :, 1].sum() / counts.sum()
    tried = []
    for half in (0, 1):
        others = counts[:, 1 - half]
        tried.append(_auc((others[:, 1] + prior) / (others.sum(axis=1) + 1), counts[:, half]))
    return float(np.mean(tried))


def number_auc(counts: np.ndarray, numbers: np.ndarray) -> float:
    """AUC of the numbers themselves, float64 (size,), either way up; a missing one, NaN, ties with every number."""
    known = np.isfinite(numbers)
    of_class = counts.sum(axis=1)
    pairs = float(np.prod(of_class[known].sum(axis=0) / np.maximum(of_class.sum(axis=0), 1)))
    return 0.5 + abs(_auc(numbers[known], of_class[known]) - 0.5) * pairs


def _auc(scores: np.ndarray, counts: np.ndarray) -> float:
    """AUC of scores, (values,), that so many rows of each class have, (values, 2); ties count half."""
    held = counts.any(axis=1)
    order = np.argsort(scores[held])
    sorted_scores, (negative, positive) = scores[held][order], counts[held][order].T
    if not negative.sum() or not positive.sum():
        return 0.5
    starts = np.flatnonzero(np.diff(sorted_scores, prepend=np.nan) != 0)
    below, ahead = (np.add.reduceat(of, starts).astype(np.float64) for of in (negative, positive))
    return float((ahead * (np.cumsum(below) - below / 2)).sum() / below.sum() / ahead.sum())


def _measured(
    field: Field, factors: Factors, embedding_rows: np.ndarray, counts: np.ndarray, test: np.ndarray
) -> dict[str, Any]:
    rows = counts.sum(axis=(1, 2))
    auc, unseen = lone_auc(counts), None
    if field.kind == "numeric":
        numbers = factors.numbers()
        _, bucket = np.unique(embedding_rows, return_inverse=True)
        of_bucket = np.zeros((int(bucket.max()) + 1, 2, 2), dtype=np.int64)
        np.add.at(of_bucket, bucket, counts)
        auc = max(auc, lone_auc(of_bucket), number_auc(counts, numbers))
        unseen = _outside(numbers, rows, test)
    elif not field.borrows:
        unseen = float(test[rows == 0].sum() / test.sum())
    return {
        "auc": round(auc, 6),
        "most_common": round(int(rows.max()) / int(rows.sum()), 6),
        "unseen_test": None if unseen is None else round(unseen, 6),
    }


def _outside(numbers: np.ndarray, counts: np.ndarray, test: np.ndarray) -> float:
    """Share of test rows, so many of each number, whose number lies outside the range of training rows."""
    trained = numbers[(counts > 0) & np.isfinite(numbers)]
    if not len(trained):
        return 0.0
    outside = (numbers < trained.min()) | (numbers > trained.max())
    return float(test[outside].sum() / test.sum())


def _of_fields(fields: Mapping[str, Mapping[str, Any]]) -> list[str]:
    said = []
    for name, of in fields.items():
        if of["auc"] > LEAK_AUC:
            said.append(
                f"field {name!r} alone has an AUC of {of['auc']:.4f} on training rows; if it is not known before the "
                "click, it gives the answer away: leave it out"
            )
        if of["most_common"] > CONSTANT_SHARE:
            said.append(
                f"field {name!r} has one value in {of['most_common']:.2%} of training rows; it says next to nothing"
            )
        if of["unseen_test"] is not None and of["unseen_test"] > UNSEEN_SHARE:
            said.append(
                f"field {name!r}: in {of['unseen_test']:.1%} of test rows it is beyond anything that training rows "
                "hold, as a row number or a time would be; models learn nothing from it that lasts: leave it out"
            )
    return said


def _of_rows(overlap: Mapping[SplitName, float]) -> list[str]:
    return [
        f"{share:.1%} of {name} rows equal a training row in every field; a model that remembers rows looks better on "
        "them than it is"
        for name, share in overlap.items()
        if share > OVERLAP_SHARE
    ]
