"""A model that reads ids alone: look-up in its vocabulary, then its exported graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from clickprompt.contracts import TableSchema
from clickprompt.serving.encoded_ids import EncodedIds, check_items, pieces
from clickprompt.serving.examples import examples_of
from clickprompt.serving.scorer import Encoded, Scored
from clickprompt.settings import ClickPromptError, first_line
from clickprompt.table import Vocabulary
from clickprompt.table.row_encoder import RowEncoder


class IdScorer:
    """Scores by an ONNX graph that takes embedding rows.

    A run takes one thread: 128 rows take 1 to 6 ms, whatever the ID model at its default sizes, 8 rows at most 0.4 ms.
    Requests share the cores by running side by side, which was as fast as one run on two threads.
    """

    rows_at_once = 128
    rows_inline = 8

    def __init__(self, vocabulary: Vocabulary, graph: Path) -> None:
        self.vocabulary = vocabulary
        self._encoder = RowEncoder(vocabulary)
        self._lists = [field for field in vocabulary.schema.fields if field.kind == "list"]
        self._session = _session(graph)

    @property
    def schema(self) -> TableSchema:
        """Its fields."""
        return self.vocabulary.schema

    def encode_rows(self, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> EncodedIds:
        """See Scorer."""
        for field in self._lists:
            cells = (row.get(field.name) for row in rows)
            check_items(field, len(rows), chain(cells, (shared.get(field.name),)))
        return EncodedIds.of(self._encoder.encode_rows(rows, shared))

    def encode_columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> EncodedIds:
        """See Scorer."""
        for field in self._lists:
            check_items(field, rows, columns.get(field.name, ()))
        return EncodedIds.of(self._encoder.encode_columns(columns, rows))

    def score(self, requests: Sequence[Encoded]) -> list[Scored]:
        """See Scorer."""
        encoded = [_own(request) for request in requests]
        found = [self._probability(piece) for piece in pieces(encoded)]
        probability = found[0] if len(found) == 1 else np.concatenate(found)
        scored, start = [], 0
        for request in encoded:
            scored.append(Scored(probability[start : start + request.rows], request.unseen))
            start += request.rows
        return scored

    def explain(self, row: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        """See Scorer; the field's out-of-vocabulary row stands in for its value."""
        encoded = self.encode_rows([row], {})
        fields = [place for place, field in enumerate(self.schema.fields) if field.score_as is None]
        (scored,) = self.score([encoded.with_each_unseen(fields, int(self.vocabulary.statistics.offsets[-1]))])
        probability = scored.probability.tolist()
        names = [self.schema.fields[place].name for place in fields]
        return probability[0], dict(zip(names, probability[1:], strict=True))

    def examples(self, most: int) -> dict[str, list[Any]]:
        """See Scorer."""
        return examples_of(self.vocabulary, most)

    def _probability(self, ids: EncodedIds) -> np.ndarray:
        inputs = {"feature_ids": ids.feature_ids, **{f"items_{place}": items for place, items in ids.lists.items()}}
        (probability,) = self._session.run(["probability"], inputs)
        return probability


def _own(request: Encoded) -> EncodedIds:
    assert isinstance(request, EncodedIds)
    return request


def _session(graph: Path) -> Any:
    """One thread a run; weights that lie beside the graph are mapped, not read. What a run needs is freed after it: an
    arena was no faster, and grew with lists of many lengths."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each reason, and no common one
        raise ClickPromptError(f"{graph}: not a graph that ONNX Runtime reads: {first_line(error)}") from None
