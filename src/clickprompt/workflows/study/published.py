"""The number that the ClickPrompt paper printed in the place of one of ours."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from clickprompt.published import read_published
from clickprompt.workflows.study.entries import ALL, LONG_TAIL, Entry
from clickprompt.workflows.study.variants import (
    CLICKPROMPT,
    FULL,
    ablation_of,
    ctr_kind,
    family_of,
    is_clickprompt,
    language_name,
    prompted_layers,
)

if TYPE_CHECKING:
    from clickprompt.workflows.study.config import Study

_COLUMNS = {"MovieLens-1M": "ml1m", "BookCrossing": "bookcrossing", "Amazon-Toys": "toys", "GoodReads": "goodreads"}
_LANGUAGE_MODELS = ("TinyBERT", "RoBERTa-base", "RoBERTa-large")
_CELLS = dict(zip(LONG_TAIL, ("yes yes", "no yes", "yes no", "no no"), strict=True))
"""Long-tail user, long-tail item."""


class Published(NamedTuple):
    """A printed result."""

    auc: float
    log_loss: float


def published_data_set(data_set: str) -> str | None:
    """The paper's data set whose numbers stand beside ours, MovieLens-1M for any other MovieLens; None for the rest."""
    plain = _plain(data_set)
    for name in _COLUMNS:
        if plain.startswith(_plain(name)):
            return name
    return "MovieLens-1M" if plain.startswith("movielens") else None


def published_for(study: Study, entry: Entry, part: str = ALL) -> Published | None:
    """What the paper's table of this study (table 2 for plain ones) gives for an entry; None where it has no such row.

    Methods are told by their settings. Language models are matched in table 3 alone, which compares them; elsewhere the
    paper's is RoBERTa-base whatever ours is.
    """
    data_set = published_data_set(entry.key.data_set)
    if data_set is None:
        return None
    table = study.table or 2
    row = _row(study, entry, table, part)
    return None if row is None else _numbers(table).get((data_set, *map(_plain, row)))


def _row(study: Study, entry: Entry, table: int, part: str) -> tuple[str, ...] | None:
    """Where an entry stands in a table of the paper, beside its data set."""
    ctr = ctr_kind(study, entry) or entry.key.ctr_model or "dcn-v2"
    plain_id = entry.model == "id-only"
    with_lm = entry.model == "clickprompt-with-lm" and family_of(study, entry) == "clickprompt"
    if table == 6:
        cell = _CELLS.get(part)
        if cell is None or not (plain_id or (with_lm and is_clickprompt(study, entry))) or _plain(ctr) != "dcnv2":
            return None
        return cell, "dcnv2" if plain_id else "clickprompt"
    if part != ALL:
        return None
    if table == 4:
        whole = with_lm and ablation_of(study, entry) == FULL
        return (ctr, prompted_layers(study, entry)) if whole else None
    if table == 5:
        return (ctr, ablation_of(study, entry)) if with_lm and prompted_layers(study, entry) == "layer-wise" else None
    if table == 3:
        if plain_id:
            return ctr, "none", "none"
        language = _published_language_model(study, entry)
        return (ctr, CLICKPROMPT[entry.model], language) if is_clickprompt(study, entry) and language else None
    if plain_id:
        return (ctr,)
    if entry.model in CLICKPROMPT:
        whole = is_clickprompt(study, entry) and _plain(ctr) == "dcnv2"
        return (f"ClickPrompt {CLICKPROMPT[entry.model]}",) if whole else None
    return (entry.model,) if family_of(study, entry) != "controls" else None


def _published_language_model(study: Study, entry: Entry) -> str | None:
    named = _plain(f"{entry.key.language_model} {language_name(study, entry)}")
    return next((name for name in _LANGUAGE_MODELS if _plain(name) in named), None)


@cache
def _numbers(table: int) -> dict[tuple[str, ...], Published]:
    """Printed results by data set and row."""
    found: dict[tuple[str, ...], Published] = {}
    for row in read_published(table):
        if table == 4:
            for side, column in (("first layer", "first_layer"), ("layer-wise", "layer_wise")):
                found[row["dataset"], _plain(row["ctr_model"]), _plain(side)] = _pair(row, column)
        elif table == 6:
            cell = f"{row['long_tail_user']} {row['long_tail_item']}"
            for column in ("dcnv2", "clickprompt"):
                found["MovieLens-1M", _plain(cell), column] = _pair(row, column)
        else:
            names = [name for name in row if not name.endswith(("_auc", "_logloss")) and name != "family"]
            for data_set, column in _COLUMNS.items():
                if f"{column}_auc" in row:
                    found[data_set, *(_plain(row[name]) for name in names)] = _pair(row, column)
    return found


def _pair(row: dict[str, str], column: str) -> Published:
    return Published(float(row[f"{column}_auc"]), float(row[f"{column}_logloss"]))


def _plain(name: str) -> str:
    """Letters and digits alone: `DCNv2`, `dcn-v2` and `DCN v2` are one name."""
    return "".join(filter(str.isalnum, name.lower()))
