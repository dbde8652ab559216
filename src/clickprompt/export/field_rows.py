"""From values to embedding rows, inside an ONNX graph: look-up, hashing, buckets."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.compute as pc
from onnx import TensorProto

from clickprompt.contracts import MISSING
from clickprompt.export.graph import Graph
from clickprompt.table import PADDING, Vocabulary
from clickprompt.table.hashing import hashes

_AT_ONCE = 65_536


class FieldRows:
    """Nodes that turn the values of one field into embedding rows, int64 of the values' shape."""

    def __init__(self, graph: Graph, vocabulary: Vocabulary, place: int) -> None:
        self.graph = graph
        self.vocabulary = vocabulary
        self.field = vocabulary.schema.fields[place]
        self.start, self.stop = map(int, vocabulary.statistics.offsets[place : place + 2])
        self.outside = int(vocabulary.statistics.offsets[-1]) + place
        """The field's out-of-vocabulary row."""

    @property
    def missing(self) -> int:
        """Row of a missing value, or of the one item that an empty list holds."""
        if self.field.hash_rows is not None:
            return self.start + int(hashes([MISSING], self.field.hash_rows)[0])
        found = pc.index(self._texts, MISSING).as_py()
        return self.outside if found < 0 else self.start + int(found)

    def of_texts(self, texts: str) -> str:
        """Rows of stripped texts; "" is missing."""
        if self.field.hash_rows is None:
            return self._found(texts, self.missing)
        empty = self.graph.op("Equal", texts, self.graph.constant("", object))
        return self.graph.op("Where", empty, self.graph.constant(self.missing), self._hashed(texts))

    def of_items(self, items: str) -> str:
        """Rows of stripped items; `PADDING` for those that are missing, "" or "unknown"."""
        if self.field.hash_rows is None:
            return self._found(items, PADDING)
        graph = self.graph
        absent = graph.op("Or", *(graph.op("Equal", items, graph.constant(text, object)) for text in ("", MISSING)))
        return graph.op("Where", absent, graph.constant(PADDING), self._hashed(items))

    def of_numbers(self, numbers: str) -> str:
        """Rows of numbers, float64 (rows,), NaN where missing: bucket b is how many edges lie below the number."""
        graph, buckets = self.graph, self.vocabulary.buckets[self.field.name]
        column = graph.op("Unsqueeze", numbers, graph.constant([1]))
        above = graph.op("Greater", column, graph.constant(buckets.edges[None], np.float64))
        count = graph.op("ReduceSum", graph.op("Cast", above, to=TensorProto.INT64), graph.constant([1]), keepdims=0)
        absent = graph.constant(len(buckets.edges) + 1)
        bucket = graph.op("Where", graph.op("IsNaN", numbers), absent, count)
        return graph.op("Gather", graph.constant(buckets.rows), bucket)

    def of_score_as(self, rows: str) -> str:
        """The row of the value that scoring puts in place of all others, as often as `rows`, int64 (1,), says."""
        place = self.vocabulary.schema.fields.index(self.field)
        encoded = self.vocabulary.encode({self.field.name: [self.field.score_as]})
        return self.repeated(int(encoded.feature_ids[0, place]), rows)

    def repeated(self, row: int, rows: str) -> str:
        """One row as often as `rows`, int64 (1,), says."""
        return self.graph.op("Expand", self.graph.constant([row]), rows)

    @property
    def _texts(self) -> pa.Array:
        return self.vocabulary.texts.slice(self.start, self.stop - self.start)

    def _hashed(self, texts: str) -> str:
        assert self.field.hash_rows is not None
        graph = self.graph
        wide = graph.op("Cast", graph.op("MurmurHash3", texts, positive=1), to=TensorProto.INT64)
        rest = graph.op("Mod", wide, graph.constant(self.field.hash_rows))
        return graph.op("Add", rest, graph.constant(self.start))

    def _found(self, texts: str, missing: int) -> str:
        found = self.graph.op("LabelEncoder", texts, default_int64=self.outside)
        self.graph.large[found] = lambda node: _write_keys(node, self._texts, self.start, missing)
        return found


def _write_keys(node: onnx.NodeProto, texts: pa.Array, start: int, missing: int) -> None:
    """Keys of a LabelEncoder and their rows. A text with accents is known in its composed spelling, which is its own,
    and in its decomposed one; no two texts of a vocabulary share either."""
    keys = node.attribute.add(name="keys_strings", type=onnx.AttributeProto.STRINGS).strings
    rows = node.attribute.add(name="values_int64s", type=onnx.AttributeProto.INTS).ints
    keys.extend([b"", MISSING.encode()])
    rows.extend([missing, missing])
    known = pc.not_equal(texts, MISSING)
    for at in range(0, len(texts), _AT_ONCE):
        some = known.slice(at, _AT_ONCE)
        keys.extend(texts.slice(at, _AT_ONCE).filter(some).cast(pa.large_binary()).to_pylist())
        rows.extend((start + at + np.flatnonzero(some.to_numpy(zero_copy_only=False))).tolist())
    for row, text in _decomposed(texts):
        keys.append(text.encode())
        rows.append(start + row)


def _decomposed(texts: pa.Array) -> Iterator[tuple[int, str]]:
    """Place and decomposed spelling of the texts where that is another."""
    places = np.flatnonzero(~pc.string_is_ascii(texts).to_numpy(zero_copy_only=False))
    for place in places.tolist():
        text = texts[place].as_py()
        other = unicodedata.normalize("NFD", text)
        if other != text:
            yield place, other
