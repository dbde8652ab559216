"""Today's rows as a bundle's own recipe reads them, cut into those to learn from and those to judge by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import yaml
from pydantic import ValidationError

from clickprompt.batches import Sentences, Sides, SplitReader, ValueVectors
from clickprompt.bundle import Bundle, read_values
from clickprompt.contracts import TableSchema
from clickprompt.settings import ClickPromptError, explain
from clickprompt.storage import fingerprint
from clickprompt.table import FilesSource, FreshRows, Vocabulary
from clickprompt.text import TokenStore
from clickprompt.workflows.recipe import Recipe, parse_recipe
from clickprompt.workflows.update.config import RowsConfig


@dataclass(frozen=True)
class Cut:
    """Row numbers (int64), oldest rows first."""

    train: np.ndarray
    calibration: np.ndarray
    """Empty where the bundle has no calibrator."""
    held_out: np.ndarray


def cut(order: np.ndarray, holdout: float, *, calibrates: bool) -> Cut:
    """The newest ⌈n·holdout⌉ rows are held out; of the others the newest share as large fits the calibrator.

    Raises ClickPromptError where no row is left to learn from.
    """
    held = math.ceil(len(order) * holdout)
    fitted = math.ceil((len(order) - held) * holdout) if calibrates else 0
    train = len(order) - held - fitted
    if train < 1:
        raise ClickPromptError(f"{len(order):,} rows are too few to learn from and to judge by; wait for more")
    return Cut(order[:train], order[train : train + fitted], order[train + fitted :])


def recipe_of(bundle: Bundle) -> Recipe:
    """The recipe that trained a bundle. Raises ClickPromptError where it keeps none that this version can read."""
    text = bundle.manifest["provenance"].get("recipe")
    if text is None or "model" not in bundle.manifest["provenance"]:
        raise ClickPromptError(f"{bundle.folder}: does not say how it was trained; train it by `clickprompt finetune`")
    return parse_recipe(yaml.safe_load(text), f"{bundle.folder}: the recipe that it keeps")


def source_of(recipe: Recipe, schema: TableSchema, files: Sequence[str], columns: RowsConfig) -> FilesSource:
    """Today's files, read as the recipe's were where those were files too.

    Raises ClickPromptError where nothing says which column is the label, or where two settings contradict.
    """
    known, own = recipe.data.source, {}
    if isinstance(known, FilesSource):
        own = {name: getattr(known, name) for name in ("encoding", "separator", "format", "weight", "timestamp")}
        own["label"] = known.label.model_dump()
    if columns.label is not None:
        own["label"] = {"column": columns.label}
    if "label" not in own:
        raise ClickPromptError(f"the bundle was trained on {known.kind}, which names no columns; say --label")
    if columns.threshold is not None:
        own["label"]["threshold"] = columns.threshold
    own |= {name: value for name in ("weight", "timestamp") if (value := getattr(columns, name)) is not None}
    settings: dict[str, Any] = {"path": list(files), "fields": schema.fields, "group_field": schema.group_field, **own}
    try:
        return FilesSource.model_validate(settings)
    except ValidationError as error:
        raise explain(error, "today's rows", settings) from None


def file_fingerprints(source: FilesSource) -> list[str]:
    """Of each file; one changes when its content or what its columns mean does. Raises ClickPromptError for one not
    there."""
    settings = source.model_dump(mode="json", include={"label", "weight", "timestamp", "separator", "format"})
    found = []
    for file in source.inputs():
        found.append(fingerprint({"file": [file.path.suffix, file.fingerprint()], "settings": settings}))
    return found


@dataclass(frozen=True)
class Reading:
    """How rows become a bundle's batches: its words are tokenized, or read, once for all vocabularies."""

    rows: FreshRows
    bundle: Bundle
    device: torch.device

    def reader(self, numbers: np.ndarray, vocabulary: Vocabulary, *, scoring: bool) -> SplitReader:
        """Batches of these rows, their values looked up in a vocabulary; `scoring` fixes the fields with `score_as`."""
        rows, reads = self.rows, self.bundle.reads
        embedding_rows, members = rows.embedding_rows(vocabulary)
        return SplitReader(
            [rows.split(numbers)],
            embedding_rows,
            vocabulary.statistics,
            self._sentences if reads == "sentence" else None,
            rows.scored_as if scoring else None,
            members,
            Sides(self._sentences, rows.schema) if reads == "sides" else None,
            self._vectors if reads == "values" else None,
        )

    @cached_property
    def _sentences(self) -> Sentences:
        language, tokenizer = self.bundle.language, self.bundle.tokenizer
        assert language is not None
        assert tokenizer is not None
        if language.permute_values is not None:
            raise ClickPromptError(
                f"{self.bundle.folder}: trained with permuted words (language_model.permute_values), a control that "
                "cannot learn from new rows"
            )
        store = TokenStore.from_texts(*self.rows.texts, self.rows.schema, tokenizer, language.max_value_tokens)
        return Sentences(store, tokenizer, language.max_length)

    @cached_property
    def _vectors(self) -> ValueVectors:
        language, encoder = self.bundle.language, self.bundle.method.encoders()[0].to(self.device).eval()
        assert language is not None
        values = np.arange(int(self.rows.starts[-1]))
        vectors = np.empty((len(values), encoder.hidden_size), np.float32)
        for places, found in read_values(encoder, self._sentences, values, language.pooling, self.device):
            vectors[places] = found
        return ValueVectors(vectors)
