"""`clickprompt predict` as a contender of `score_with_lm.py`: raw values in, through `Predictor`.

Looking up, tokenizing and laying out the rows are in the timed pass, as they are in the recipe's. Prints a line of
JSON.
"""

from __future__ import annotations

import numpy as np

from clickprompt.bundle import Bundle, Predictor
from clickprompt.training import choose_device, wants_bfloat16
from clickprompt.workflows import Recipe
from lm_cases import RawRows, recipe_data, scored_rows
from lm_contender import contender_options, print_record, stopwatch, time_scoring, warm_up_rows
from lm_ours import build
from stopwatch import Enough


def main() -> None:
    parser = contender_options(__doc__, ("auto", "float32", "bfloat16", "int8"), "auto")
    options = parser.parse_args()
    if options.task != "score":
        parser.error("predicting is scoring: --task score")
    method, data = build(options)
    language = Recipe.model_validate(recipe_data(options.folder, options.model, pooling=options.pooling)).language_model
    bundle = Bundle(options.folder, {}, method.eval(), data.table.vocabulary(), language, data.tokenizer)
    device = choose_device(options.device)
    predictor = Predictor(bundle, device, options.precision)
    rows = RawRows.read(options.folder)
    scored = [rows.values[number] for number in scored_rows(len(rows.values), options.rows).tolist()]
    columns = dict(zip(rows.fields, zip(*scored, strict=True), strict=True))

    def score(some: int) -> np.ndarray:
        p = predictor.predict({name: list(column[:some]) for name, column in columns.items()})
        return np.log(p) - np.log1p(-p)

    precision = options.precision
    if precision == "auto":
        precision = "bfloat16" if wants_bfloat16(device, precision, reads_words=True) else "float32"
    watch = stopwatch(options)
    try:
        time_scoring(score, options, watch, warm_up_rows(options))
    except Enough:
        print_record(watch, options, precision)


if __name__ == "__main__":
    main()
