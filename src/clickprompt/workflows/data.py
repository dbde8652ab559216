"""Prepared data, with its tokens where a method reads words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clickprompt.batches import Sentences, Sides, SplitReader, ValueVectors, permute_within_fields
from clickprompt.contracts import Progress, Reads, SplitName
from clickprompt.language import LanguageModelConfig, LanguageTokenizer, checkpoint_fingerprint
from clickprompt.table import PreparedTable, prepare_table
from clickprompt.text import TokenStore, build_token_store, token_store_key
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.value_vectors import value_vectors


@dataclass(frozen=True)
class Data:
    """A prepared folder, opened."""

    table: PreparedTable
    tokenizer: LanguageTokenizer | None = None
    sentences: Sentences | None = None
    checkpoint: str = ""
    """Fingerprint of the language model's weights as they were found."""
    vectors: ValueVectors | None = None
    """Of each value's words, where a model reads them."""

    def reader(self, splits: Sequence[SplitName], *, reads: Reads, scoring: bool = False) -> SplitReader:
        """Batches of one or more splits, with what a model reads; `scoring` fixes the fields with `score_as`."""
        return SplitReader(
            [self.table.split(name) for name in splits],
            self.table.embedding_rows,
            self.table.statistics,
            self.sentences if reads == "sentence" else None,
            self.table.scored_as if scoring else None,
            self.table.members,
            Sides(self._words, self.table.schema) if reads == "sides" else None,
            self.vectors if reads == "values" else None,
        )

    @property
    def _words(self) -> Sentences:
        assert self.sentences is not None
        return self.sentences

    @property
    def fingerprint(self) -> str:
        """Changes when the rows, their split, their vocabulary, their tokens or the LM's weights do."""
        tokens = self.tokenizer.fingerprint if self.tokenizer is not None else ""
        return f"{self.table.fingerprint}:{tokens}:{self.checkpoint}"


def prepare(recipe: Recipe, folder: Path, progress: Progress) -> Data:
    """Make the prepared folder, or reuse it where nothing that made it has changed; tokenize what is not yet."""
    table = prepare_table(recipe.data, folder, progress)
    if recipe.language_model is None or not recipe.reads_words:
        return Data(table)
    name, revision = recipe.language_model.name, recipe.language_model.revision
    tokenizer = _tokenizer(recipe.method.asks, name, revision)
    sentences = _sentences(table, tokenizer, recipe.language_model, progress)
    first = table.split("train").value_ids[:1]  # says at once where max_length has no room for field names
    if "sentence" in recipe.all_reads:
        sentences.lay_out(first)
    if "sides" in recipe.all_reads:
        Sides(sentences, table.schema).read(first)
    checkpoint, vectors = checkpoint_fingerprint(name, revision), None
    if "values" in recipe.all_reads:
        vectors = value_vectors(table, sentences, recipe.language_model, checkpoint, recipe.device, progress)
    return Data(table, tokenizer, sentences, checkpoint, vectors)


def _tokenizer(question: str | None, name: str, revision: str | None) -> LanguageTokenizer:
    if question is None:
        return LanguageTokenizer.from_folder_or_name(name, revision)
    from clickprompt.language import asking_tokenizer

    return asking_tokenizer(name, revision, question)


def _sentences(
    table: PreparedTable, tokenizer: LanguageTokenizer, config: LanguageModelConfig, progress: Progress
) -> Sentences:
    key = token_store_key(tokenizer, config.max_value_tokens)
    folder = table.folder.parent / f"{table.folder.name}.tokens" / f"{table.fingerprint}-{key}"
    texts, fields = table.value_texts
    if not folder.exists():
        spoken = texts.take(np.flatnonzero(table.held)).to_pylist()
        of_field = fields[table.held]
        report = progress.start("tokenize", len(spoken), "distinct values")
        build_token_store(
            folder, spoken, of_field, table.schema, tokenizer, config.max_value_tokens, report, table.held
        )
    permutation: np.ndarray | None = None
    if config.permute_values is not None:
        permutation = permute_within_fields(fields, table.held, config.permute_values)
    return Sentences(TokenStore.open(folder), tokenizer, config.max_length, permutation)
