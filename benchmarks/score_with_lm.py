"""Scoring with the language model, offline: this library beside the papers' recipe, on the same weights and rows.

    python benchmarks/score_with_lm.py [--quick] [--rows ML-1M-FOLDER] [--json FILE] [--models NAME ...]

A rate is that of whole passes over the same rows, drawn from the training split. The recipe takes them as they come, in
batches of `--batches`; the library sorts them by length and takes as many at once as it would by itself. Logits are
compared with the recipe's: at the same precision they differ by rounding alone. A share of the matrix rate is of
float32's, or on a GPU of bfloat16's for what computes in half precision; int8 may so go beyond it.

The recipe formats and tokenizes its rows in the timed pass. `clickprompt` starts from prepared rows, as `evaluate`
does: value indices, with each distinct value's tokens stored. `clickprompt predict` starts from raw rows, as the
recipe, and looks up and tokenizes all in the timed pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from lm_cases import MINILM
from lm_turns import OURS, PREDICT, RECIPE, Case, driver_options, run

TASKS = ("score",)
CONTENDERS = {
    "clickprompt": OURS,
    "clickprompt predict": PREDICT,
    "clickprompt float32": [*OURS, "--precision=float32"],
    "clickprompt bfloat16": [*OURS, "--precision=bfloat16"],
    "clickprompt int8": [*OURS, "--precision=int8"],
    "recipe": RECIPE,
    "recipe bfloat16": [*RECIPE, "--precision=bfloat16"],
    "recipe bfloat16 32 rows": [*RECIPE, "--precision=bfloat16", "--batch=32", "--rows=32"],
    "recipe float16": [*RECIPE, "--precision=float16"],
    "recipe float16 4 workers": [*RECIPE, "--precision=float16", "--workers=4"],
}
"""The command of each; folder, case and clock are put before its options."""
SHOWN = {
    "cpu": ("clickprompt", "clickprompt predict", "clickprompt int8", "recipe"),
    "cuda": ("clickprompt", "clickprompt predict", "recipe float16", "recipe float16 4 workers", "recipe bfloat16"),
}


def cases_of(options: argparse.Namespace, model: str, device: str) -> Iterator[Case]:
    """One case a batch size of the recipe."""
    small = model in MINILM
    rows = 16_384 if device == "cuda" else 128 if options.quick else 1_024 if small else 128
    for batch in options.batches or [256 if small else 64]:
        yield Case("score", model, min(batch, rows), options.pooling, rows)


if __name__ == "__main__":
    run(driver_options(__doc__, CONTENDERS, TASKS), CONTENDERS, SHOWN, cases_of)
