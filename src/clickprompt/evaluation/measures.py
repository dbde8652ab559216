"""How well scores order and fit clicks: AUC, AUC within groups, log loss."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import (
    Bools,
    Floats,
    checked_groups,
    checked_labels,
    checked_probabilities,
    checked_scores,
    checked_weights,
)
from clickprompt.evaluation.order import changes, group_codes, ranks, running, tie_blocks
from clickprompt.settings import ClickPromptError


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> float:
    """P(score of a click > score of a non-click) + ½ P(they are equal), over all pairs, exactly.

    Labels 0 or 1 (rows,); scores any increasing function of the probability (rows,); with weights (rows,) a pair counts
    the product of its two. Raises ClickPromptError for one class, scores that are not finite, or unequal lengths.
    """
    clicks = checked_labels(labels, both_classes=True)
    values = checked_scores(scores, len(clicks))
    if weights is None:
        return _plain_auc(values[clicks], values[~clicks])
    return _weighted_auc(clicks, values, checked_weights(weights, len(clicks)))


def _plain_auc(positive: Floats, negative: Floats) -> float:
    positive.sort()
    negative.sort()
    # Counts, and so the sum of them, are integers: exact in any order.
    below = int(np.searchsorted(negative, positive, "left").sum())
    not_above = int(np.searchsorted(negative, positive, "right").sum())
    return (below + not_above) / (2 * len(positive) * len(negative))


def _weighted_auc(clicks: Bools, scores: Floats, weights: npt.NDArray[np.float64]) -> float:
    blocks = tie_blocks(scores)
    hits, ordered = clicks[blocks.order], weights[blocks.order]
    passed = np.zeros(len(ordered) + 1)
    np.cumsum(np.where(hits, 0, ordered), out=passed[1:])
    bounds = passed[np.append(blocks.starts, len(ordered))]  # weight of non-clicks before each block
    ordered *= hits
    pairs = ordered.sum() * passed[-1]
    if not pairs:
        raise ClickPromptError(
            "weights: every row of one class weighs 0; AUC needs both classes, check the weight column"
        )
    return float(np.dot(ordered, (bounds[:-1] + bounds[1:])[blocks.block]) / (2 * pairs))


def grouped_auc(labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike) -> float | None:
    """Σ_g n_g·AUC_g / Σ_g n_g over the groups (users) that hold both classes, n_g rows each; None where none does.

    Source: GAUC of Zhu et al., KDD'17 (arXiv 1703.02091), weighted by impressions. Raises as `auc` does.
    """
    clicks = checked_labels(labels, both_classes=True)
    values = checked_scores(scores, len(clicks))
    codes, _ = group_codes(checked_groups(groups, len(clicks)))
    ordered = _packed(codes, ranks(values), clicks)
    hits = (ordered & np.uint64(1)).astype(np.bool_)
    ordered >>= np.uint64(1)
    starts = np.append(changes(ordered), len(ordered))  # of equal scores within a group
    ordered >>= np.uint64(32)
    group_starts = changes(ordered)
    passed = np.append(running(hits), np.count_nonzero(hits))
    positive = np.diff(passed[starts])
    negative = np.diff(starts) - positive
    first = np.searchsorted(starts, group_starts)
    below = np.cumsum(negative) - negative
    below -= np.repeat(below[first], np.diff(first, append=len(positive)))
    wins = np.add.reduceat(positive * (2 * below + negative), first)
    pairs = np.add.reduceat(positive, first) * np.add.reduceat(negative, first)
    rows = np.diff(group_starts, append=len(ordered))
    both = pairs > 0
    if not both.any():
        return None
    return float(np.average(wins[both] / (2 * pairs[both]), weights=rows[both]))


def _packed(codes: npt.NDArray[np.int32], scores: npt.NDArray[np.uint32], clicks: Bools) -> npt.NDArray[np.uint64]:
    """Ascending (rows,): group in the upper 31 bits, then 32 of score, then the label. One plain sort, no look-ups."""
    packed = codes.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= scores
    packed <<= np.uint64(1)
    packed |= clicks
    packed.sort()
    return packed


def log_loss(labels: npt.ArrayLike, logits: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> float:
    """Mean of −log P(label), in nats, from logits z (rows,): softplus(z) for a non-click, softplus(−z) for a click.

    In float64 and without ever rounding a probability to 0 or 1. Raises ClickPromptError for unequal lengths and logits
    that are not finite.
    """
    clicks = checked_labels(labels)
    z = checked_scores(logits, len(clicks), "logits").astype(np.float64)
    np.negative(z, out=z, where=clicks)
    losses = np.logaddexp(0, z, out=z)
    return float(np.average(losses, weights=None if weights is None else checked_weights(weights, len(clicks))))


def log_loss_of_probabilities(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> float:
    """Mean of −log P(label), in nats, from probabilities (rows,), kept one rounding step of their type from 0 and 1.

    Prefer `log_loss`: a float32 probability has already lost what a sure model got wrong.
    """
    clicks = checked_labels(labels)
    values = checked_probabilities(probabilities, len(clicks))
    step = float(np.finfo(values.dtype).eps)
    p = np.clip(values.astype(np.float64), step, 1 - step)
    losses = -np.log(np.where(clicks, p, 1 - p))
    return float(np.average(losses, weights=None if weights is None else checked_weights(weights, len(clicks))))
