"""The slices that test rows are measured on: values unseen in training, and the long tail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clickprompt.contracts import Field
from clickprompt.evaluation import cold_and_warm, long_tail, tail_limit
from clickprompt.table import PreparedTable
from clickprompt.workflows.evaluation_config import EvaluationConfig

Slices = dict[str, npt.NDArray[np.bool_]]
"""bool (rows,) by name; slices may overlap."""

_ANY, _NONE = "cold any field", "warm all fields"


def slices_of(table: PreparedTable, config: EvaluationConfig) -> Slices:
    """Test rows by what training rows have seen of their values.

    - `cold X` and `warm X` for the user (group field) and the item (first categorical field of its side);
    - `cold F` for every other field F of which some test row holds a value unseen in training;
    - `cold any field` and `warm all fields`;
    - where both user and item are known, the four cells of the long tail, see `long_tail`.

    Fields that scoring reads as one fixed value are never cold.
    """
    return cold_slices(table) | tail_slices(table, config.tail_share)


def cold_slices(table: PreparedTable) -> Slices:
    """Rows with a value that no training row holds, by field. See `unseen_values` for what counts as one."""
    users_and_items = [field.name for field in _user_and_item(table) if field is not None]
    slices: Slices = {}
    for name in dict.fromkeys(users_and_items):
        slices |= cold_and_warm(name, _counts_of_rows(table, name))
    unseen = unseen_values(table)
    others: Slices = {}
    for field in table.schema.fields:
        if field.name not in users_and_items and field.score_as is None:
            others[f"cold {field.name}"] = unseen[_values_of_rows(table, field.name)]
    slices |= {name: rows for name, rows in others.items() if rows.any()}
    colds = [slices[f"cold {name}"] for name in dict.fromkeys(users_and_items)] + list(others.values())
    cold = np.logical_or.reduce(colds) if colds else np.zeros(len(table.split("test")), dtype=np.bool_)
    return slices | {_ANY: cold, _NONE: ~cold}


def tail_slices(table: PreparedTable, tail_share: float) -> Slices:
    """The four cells of tail and head users by tail and head items; none where user or item is not known."""
    user, item = _user_and_item(table)
    if user is None or item is None or user == item:
        return {}
    return long_tail(
        _counts_of_rows(table, user.name),
        _counts_of_rows(table, item.name),
        user_limit=tail_limit(_counts_of_values(table, user.name), tail_share),
        item_limit=tail_limit(_counts_of_values(table, item.name), tail_share),
    )


def unseen_values(table: PreparedTable) -> npt.NDArray[np.bool_]:
    """bool (N,): values that no training row holds.

    A number is unseen where its bucket is. A list is unseen where one of its items is, or has no embedding row for
    being rarer than `min_count` (the folder does not tell these apart), unless some training row holds the same list.
    """
    counts = np.asarray(table.train_counts)
    unseen = counts == 0
    owned = int(table.statistics.offsets[-1])
    trained = np.zeros(table.statistics.num_embeddings, dtype=np.bool_)
    trained[:owned] = counts[:owned] > 0
    fields = table.value_texts[1]
    numeric = np.array([field.kind == "numeric" for field in table.schema.fields])[fields]
    unseen[numeric] &= ~trained[table.embedding_rows[numeric]]
    if table.members is not None:
        lists = table.members.lengths > 0
        unseen[lists] &= table.members.any(~trained[table.members.rows])[lists]
    return unseen


def _user_and_item(table: PreparedTable) -> tuple[Field | None, Field | None]:
    fields = table.schema.fields
    user = next((field for field in fields if field.name == table.schema.group_field), None)
    item = next((field for field in fields if field.side == "item" and field.kind == "categorical"), None)
    return user, item


def _values_of_rows(table: PreparedTable, name: str) -> npt.NDArray[np.int32]:
    return np.asarray(table.split("test").value_ids[:, table.schema.names.index(name)])


def _counts_of_rows(table: PreparedTable, name: str) -> npt.NDArray[np.int64]:
    """Training rows that hold the value of each test row, (rows,)."""
    return np.asarray(table.train_counts[_values_of_rows(table, name)])


def _counts_of_values(table: PreparedTable, name: str) -> npt.NDArray[np.int64]:
    """Training rows that hold each value of a field."""
    own = table.held & (table.value_texts[1] == table.schema.names.index(name))
    return np.asarray(table.train_counts[own])
