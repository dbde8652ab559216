"""The results that the ClickPrompt paper printed (arXiv 2310.09234, tables 1 to 6), as CSV files beside this one."""

from __future__ import annotations

import csv
from importlib.resources import files

_FILES = {
    1: "table1_datasets.csv",
    2: "table2_overall.csv",
    3: "table3_compatibility.csv",
    4: "table4_prompt_strategy.csv",
    5: "table5_fusion_ablation.csv",
    6: "table6_long_tail_ml1m.csv",
}


def read_published(table: int) -> list[dict[str, str]]:
    """Rows of a table of the paper, by column. Raises KeyError for tables that are not there."""
    text = files("clickprompt.published").joinpath(_FILES[table]).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
