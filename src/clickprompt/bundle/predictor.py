"""Raw rows in, probabilities out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clickprompt.batches import ROWS_WITH_VALUES, Sides, list_ids, sentences_at_once, token_batch
from clickprompt.bundle.format import Bundle, load_bundle
from clickprompt.bundle.precision import method_for
from clickprompt.bundle.raw_rows import check_reads_new_rows, columns_of, places_of, sentences_of
from clickprompt.bundle.side_scores import score_sides
from clickprompt.bundle.value_reader import ValueReader
from clickprompt.contracts import ClickBatch
from clickprompt.methods import TwoTower
from clickprompt.precision import ScoringPrecision, autocast
from clickprompt.table import EncodedRows

logger = logging.getLogger("clickprompt")

_ROWS_AT_ONCE = 8_192


@dataclass(frozen=True)
class Prediction:
    """Probabilities and what stood out in the rows."""

    probability: np.ndarray
    """float32 (rows,), calibrated where the bundle holds a calibrator."""
    unseen: dict[str, int]
    """Rows with a value (a list's item) outside the vocabulary, by field; the field's OOV row stood in for it."""
    missing_columns: tuple[str, ...]
    """Fields that the rows do not have; every value counted as missing."""


class Predictor:
    """Scores raw rows with a bundle, by the very vocabulary and token code that training used.

    `precision`: `float32`; `bfloat16`; `int8`, CPUs only, where the language model's layers multiply 8-bit integers;
    `auto`, bfloat16 for a bundle that reads words where the device computes it natively, else float32.
    """

    def __init__(
        self, bundle: Bundle, device: torch.device | str = "cpu", precision: ScoringPrecision = "float32"
    ) -> None:
        check_reads_new_rows(bundle)
        self.bundle = bundle
        self.device = torch.device(device)
        self.precision = precision
        self.method = method_for(bundle, self.device, precision)
        self._value_reader = self._new_value_reader() if bundle.reads == "values" else None

    @classmethod
    def load(
        cls, path: Path | str, device: torch.device | str = "cpu", precision: ScoringPrecision = "float32"
    ) -> Predictor:
        """Open a bundle folder.

        Raises ClickPromptError where it is damaged or of another version, or cannot score in this precision.
        """
        return cls(load_bundle(Path(path)), device, precision)

    def predict(self, rows: Any) -> np.ndarray:
        """Probability of a click, float32 (rows,).

        `rows`: a polars or pandas frame, a pyarrow table, a list of dicts, or a dict of columns; columns that are not
        fields of the model are passed over. Missing columns are logged. Raises ClickPromptError for rows that it
        cannot read.
        """
        prediction = self.score(rows)
        if prediction.missing_columns:
            logger.warning("columns not given, counted as missing: %s", ", ".join(prediction.missing_columns))
        return prediction.probability

    def score(self, rows: Any, report: Callable[[int, str], None] | None = None) -> Prediction:
        """As `predict`, with counts of unseen values and the missing columns; `report` hears how many rows are done."""
        columns = columns_of(rows, self.bundle.vocabulary.schema.names)
        return self.score_encoded(self.bundle.vocabulary.encode(columns), report)

    @torch.inference_mode()
    def score_encoded(self, encoded: EncodedRows, report: Callable[[int, str], None] | None = None) -> Prediction:
        """As `score`, of rows that the bundle's vocabulary has encoded."""
        logits = self._by_sides(encoded, report) if self.bundle.reads == "sides" else self._by_rows(encoded, report)
        return Prediction(self._probabilities(logits), encoded.unseen, encoded.missing_columns)

    def _by_rows(self, encoded: EncodedRows, report: Callable[[int, str], None] | None) -> torch.Tensor:
        """Logits, float32 (rows,), a batch of rows after another."""
        count = len(encoded.feature_ids)
        places = np.empty((count, 0), np.int64) if self.bundle.reads == "ids" else places_of(encoded)
        sentences = sentences_of(self.bundle, encoded) if self.bundle.reads == "sentence" else None
        vectors = None if self._value_reader is None else self._value_reader.read(encoded.texts)
        order = np.arange(count) if sentences is None else np.argsort(sentences.lengths(places), kind="stable")
        size = _ROWS_AT_ONCE if vectors is None else ROWS_WITH_VALUES
        if sentences is not None:
            size = sentences_at_once(self.device)
        logits = torch.empty(count)
        for start in range(0, count, size):
            some = order[start : start + size]
            batch = ClickBatch(
                rows=torch.from_numpy(some),
                feature_ids=torch.from_numpy(encoded.feature_ids[some].astype(np.int64)),
                labels=torch.zeros(len(some)),
                tokens=None if sentences is None else token_batch(*sentences.lay_out(places[some])),
                value_vectors=None if vectors is None else torch.from_numpy(vectors[places[some]]),
                lists=list_ids({f: of.take(encoded.text_codes[some, f]) for f, of in encoded.members.items()}),
            )
            logits[torch.from_numpy(some)] = self._logits(batch)
            if report is not None:
                report(start + len(some), "")
        return logits

    def _by_sides(self, encoded: EncodedRows, report: Callable[[int, str], None] | None) -> torch.Tensor:
        """Logits, float32 (rows,), each distinct sentence of a user or an item read once."""
        assert isinstance(self.method, TwoTower)
        sides = Sides(sentences_of(self.bundle, encoded), self.bundle.vocabulary.schema)
        at_once = sentences_at_once(self.device)
        return torch.from_numpy(
            score_sides(self.method, sides, places_of(encoded), self.device, self.precision, at_once, report)
        )

    def _logits(self, batch: ClickBatch) -> torch.Tensor:
        """float32 (batch,), on the CPU."""
        with autocast(self.device, self.precision, reads_words=batch.has_sentences):
            return self.method(batch.to(self.device)).logits.float().cpu()

    def _probabilities(self, logits: torch.Tensor) -> np.ndarray:
        """Through the bundle's calibrator where it has one."""
        if self.bundle.calibrator is None:
            return torch.sigmoid(logits).numpy()
        return self.bundle.calibrator.probabilities(logits.numpy()).astype(np.float32)

    def _new_value_reader(self) -> ValueReader:
        bundle = self.bundle
        assert bundle.tokenizer is not None
        assert bundle.language is not None
        (encoder,) = self.method.encoders()
        return ValueReader(
            encoder, bundle.vocabulary.schema, bundle.tokenizer, bundle.language, self.device, self.precision
        )
