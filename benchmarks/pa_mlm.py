"""PA-MLM and tuning with the language model: this library beside the papers' recipe, on the same weights and rows.

    python benchmarks/pa_mlm.py [--quick] [--rows ML-1M-FOLDER] [--json FILE] [--models NAME ...] [--tasks NAME ...]

`pretrain` is PA-MLM, `tune` trains ID model and language model on clicks, `tune-frozen` leaves the language model as it
is. The recipe (`paper_recipe.py`) is written plainly with transformers. Both train the same function with the same
dropout; contenders named otherwise differ in what they name. A share of the matrix rate is the operations of a
contender's own way (the recipe's padding and its head at every token included) over what this machine does in large
matrix products; `needed` counts only what the function takes (`lm_flops.py`). In micro-batches of 64 the recipe takes
the same batch but adds up gradients of 64 rows at a time: logits are smaller, and on a CPU page faults are fewer.

On a CPU without bfloat16 units the recipe in bfloat16 is many times slower than in float32; it is shown when asked for:
`--contenders clickprompt recipe "recipe bfloat16 batch 16" --tasks pretrain`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from lm_cases import MINILM
from lm_turns import OURS, RECIPE, Case, driver_options, run

TASKS = ("pretrain", "tune", "tune-frozen")
CONTENDERS = {
    "clickprompt": OURS,
    "clickprompt no dropout": [*OURS, "--dropout=0"],
    "clickprompt float32": [*OURS, "--precision=float32"],
    "clickprompt bfloat16": [*OURS, "--precision=bfloat16"],
    "recipe": RECIPE,
    "recipe micro-batches of 64": [*RECIPE, "--micro=64"],
    "recipe no dropout": [*RECIPE, "--dropout=0"],
    "recipe bfloat16": [*RECIPE, "--precision=bfloat16"],
    "recipe bfloat16 batch 16": [*RECIPE, "--precision=bfloat16", "--batch=16", "--fewest=1"],
    "recipe float16": [*RECIPE, "--precision=float16"],
    "recipe float16 4 workers": [*RECIPE, "--precision=float16", "--workers=4"],
}
"""The command of each; folder, case and clock are put before its options."""
SHOWN = {
    "cpu": ("clickprompt", "recipe", "recipe micro-batches of 64"),
    "cuda": ("clickprompt", "recipe float16", "recipe float16 4 workers", "recipe bfloat16"),
}
BATCH = {("cuda", "pretrain"): 1024, ("cuda", "tune"): 256, ("cuda", "tune-frozen"): 256}
"""The published batch sizes; a CPU takes 256, or 16 of a RoBERTa."""


def cases_of(options: argparse.Namespace, model: str, device: str) -> Iterator[Case]:
    """Every task with every batch size."""
    small = 16 if options.quick else 256 if model in MINILM else 16
    for task in options.tasks or (TASKS[:2] if options.quick else TASKS):
        for batch in options.batches or [BATCH.get((device, task), small)]:
            yield Case(task, model, batch, options.pooling)


if __name__ == "__main__":
    run(driver_options(__doc__, CONTENDERS, TASKS), CONTENDERS, SHOWN, cases_of)
