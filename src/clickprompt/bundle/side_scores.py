"""Scores of many rows by a two-tower method: every distinct sentence is read once, then rows meet their vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from clickprompt.batches import Sides, token_batch
from clickprompt.methods import TwoTower
from clickprompt.precision import ScoringPrecision, autocast

_ROWS_JOINED = 8_192


@torch.inference_mode()
def score_sides(
    method: TwoTower,
    sides: Sides,
    value_ids: np.ndarray,
    device: torch.device,
    precision: ScoringPrecision,
    at_once: int,
    report: Callable[[int, str], None] | None = None,
) -> np.ndarray:
    """Logit of each row, float32 (rows,), from value indices (rows, fields); `at_once` sentences are read together.

    The vectors of all distinct sentences are held in memory meanwhile. `report` hears of the sentences read, as the
    same share of the rows.
    """
    distinct = sides.distinct(value_ids)
    rows, sentences, done = len(value_ids), sum(len(of.value_ids) for of in distinct), 0
    vectors: list[list[Tensor]] = [[] for _ in distinct]
    for side, of in enumerate(distinct):
        for start in range(0, len(of.value_ids), at_once):
            some = of.value_ids[start : start + at_once]
            with autocast(device, precision, reads_words=True):
                tokens = token_batch(*sides.sentences.lay_out(some)).to(device)
                vectors[side].append(method.encode(side, tokens).float().cpu())
            done += len(some)
            if report is not None:
                report(rows * done // sentences, "")
    if not rows:
        return np.empty(0, np.float32)
    users, items = (torch.cat(of_side) for of_side in vectors)
    of_user, of_item = (torch.from_numpy(of.of_row) for of in distinct)
    logits = np.empty(rows, np.float32)
    for start in range(0, rows, _ROWS_JOINED):
        some_rows = slice(start, start + _ROWS_JOINED)
        with autocast(device, precision, reads_words=True):
            joined = method.join(users[of_user[some_rows]].to(device), items[of_item[some_rows]].to(device))
        logits[some_rows] = joined.float().cpu().numpy()
    return logits
