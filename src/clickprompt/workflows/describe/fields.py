"""One field's description from the counts of its values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clickprompt.contracts import MISSING, SPLITS, Field, SplitName
from clickprompt.evaluation import tail_limit
from clickprompt.table import PreparedTable
from clickprompt.table.factors import numbers_of
from clickprompt.workflows.describe.description import FieldDescription, Numbers, OutsideTraining, Tail, TopValue
from clickprompt.workflows.describe.list_items import items_of, lists_with
from clickprompt.workflows.describe.value_counts import ValueCounts

Ints = NDArray[np.int64]


def describe_field(
    table: PreparedTable, place: int, counts: ValueCounts, tail_share: float, most_frequent: int
) -> FieldDescription:
    """The field at `place` of the schema, with its `most_frequent` values."""
    field = table.schema.fields[place]
    texts, of_field = table.value_texts
    values = np.flatnonzero((of_field == place) & table.held)
    rows = {name: counts.rows[name][values] for name in SPLITS}
    missing = values[_is_missing(texts.take(values))]
    train_rows = int(rows["train"].sum())
    if field.kind == "list":
        frequent, held, clicked = items_of(table, place, counts, most_frequent)
        spread: Ints | None = held
    else:
        chosen = values[_largest(rows["train"], most_frequent)]
        frequent, held, clicked = chosen, counts.rows["train"], counts.clicks
        spread = rows["train"] if field.kind != "numeric" else None
    start, stop = table.statistics.offsets[place : place + 2]
    return FieldDescription(
        name=field.name,
        kind=field.kind,
        side=field.side,
        distinct=int(np.count_nonzero(sum(rows.values()))),
        embedding_rows=int(stop - start),
        missing={name: float(counts.rows[name][missing].sum() / rows[name].sum()) for name in SPLITS},
        top=tuple(
            TopValue(text, n := int(held[at]), n / train_rows, int(clicked[at]) / n)
            for at, text in zip(_at(frequent, field, int(start)), texts.take(frequent).to_pylist(), strict=True)
        ),
        tail=None if spread is None else _tail(spread, tail_share),
        outside={name: _outside(table, place, values, rows, name) for name in SPLITS if name != "train"},
        numbers=_numbers(texts.take(values), rows["train"]) if field.kind == "numeric" else None,
        items=_mean_length(table, values, missing, rows["train"]) if field.kind == "list" else None,
    )


def _at(frequent: Ints, field: Field, start: int) -> Ints:
    """Where the counts of values stand: items of a list are counted from the first of their field."""
    return frequent - start if field.kind == "list" else frequent


def _is_missing(texts: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.equal(texts, pa.scalar(MISSING, texts.type)))


def _largest(counts: Ints, number: int) -> Ints:
    """Places of the largest counts above 0, the largest first, equal ones in order."""
    number = min(number, int(np.count_nonzero(counts)))
    if not number:
        return np.empty(0, np.int64)
    least = np.partition(counts, len(counts) - number)[len(counts) - number]
    places = np.flatnonzero(counts >= least)
    return places[np.argsort(-counts[places], kind="stable")[:number]]


def _tail(counts: Ints, tail_share: float) -> Tail | None:
    held = counts[counts > 0]
    if not len(held):
        return None
    limit = tail_limit(held, tail_share)
    tail = held <= limit
    return Tail(limit, float(tail.mean()), float(held[tail].sum() / held.sum()))


def _outside(
    table: PreparedTable, place: int, values: Ints, rows: dict[SplitName, Ints], split: SplitName
) -> OutsideTraining:
    of_split, total = rows[split], rows[split].sum()
    out_of_vocabulary = int(table.statistics.offsets[-1]) + place
    if table.schema.fields[place].kind == "list":
        assert table.members is not None
        strangers = np.isin(values, lists_with(table.members, out_of_vocabulary))
        return OutsideTraining(None, None, float(of_split[strangers].sum() / total))
    strange = (rows["train"] == 0) & (of_split > 0)
    shared = of_split[table.embedding_rows[values] == out_of_vocabulary]
    return OutsideTraining(
        rows=float(of_split[strange].sum() / total),
        values=float(strange.sum() / np.count_nonzero(of_split)),
        vocabulary=float(shared.sum() / total),
    )


def _numbers(texts: pa.Array, counts: Ints) -> Numbers | None:
    """The median is the least number with half of the rows that have one at or below it."""
    numbers = numbers_of(texts.to_pylist())
    known = np.flatnonzero((counts > 0) & ~np.isnan(numbers))
    if not len(known):
        return None
    order = known[np.argsort(numbers[known])]
    mass = np.cumsum(counts[order])
    middle = order[np.searchsorted(2 * mass, mass[-1])]
    return Numbers(float(numbers[order[0]]), float(numbers[middle]), float(numbers[order[-1]]))


def _mean_length(table: PreparedTable, lists: Ints, missing: Ints, counts: Ints) -> float:
    assert table.members is not None
    lengths = table.members.offsets[lists + 1] - table.members.offsets[lists]
    return float((lengths * ~np.isin(lists, missing) * counts).sum() / counts.sum())
