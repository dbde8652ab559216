"""Prepared data, with its tokens where a method reads words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clickprompt.batches import Sentences, Sides, SplitReader, ValueVectors, permute_within_fields
from clickprompt.contracts import Progress, Reads, SplitName
from clickprompt.language import (
    LanguageModelConfig,
    LanguageTokenizer,
    checkpoint_fingerprint,
    find_source,
    is_local,
)
from clickprompt.table import PreparedTable, find_prepared_table, prepare_table
from clickprompt.text import TokenStore, build_token_store, token_store_key
from clickprompt.workflows.progress import SilentProgress
from clickprompt.workflows.recipe import Recipe
from clickprompt.workflows.value_vectors import value_vectors, vectors_folder


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
            shuffled_on_disk="train" in splits and self.table.manifest.get("training_order") == "shuffled",
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
    return _with_words(recipe, table, tokenizer_of(recipe), progress)


def find_prepared(recipe: Recipe, folder: Path) -> Data | None:
    """What `prepare` has made; None where it would still make or fetch anything."""
    table, language = find_prepared_table(recipe.data, folder), recipe.language_model
    if table is None:
        return None
    if language is None or not recipe.reads_words:
        return Data(table)
    if not is_local(find_source(language.name, language.revision)):
        return None
    tokenizer = tokenizer_of(recipe)
    assert tokenizer is not None
    if not _token_folder(table, tokenizer, language).exists():
        return None
    checkpoint = checkpoint_fingerprint(language.name, language.revision)
    if "values" in recipe.all_reads and not vectors_folder(table, tokenizer, language, checkpoint).exists():
        return None
    return _with_words(recipe, table, tokenizer, SilentProgress())


def _with_words(recipe: Recipe, table: PreparedTable, tokenizer: LanguageTokenizer | None, progress: Progress) -> Data:
    language = recipe.language_model
    if language is None or tokenizer is None:
        return Data(table)
    sentences = tokenized(table, tokenizer, language, progress)
    first = table.split("train").value_ids[:1]  # says at once where max_length has no room for field names
    if "sentence" in recipe.all_reads:
        sentences.lay_out(first)
    if "sides" in recipe.all_reads:
        Sides(sentences, table.schema).read(first)
    checkpoint, vectors = checkpoint_fingerprint(language.name, language.revision), None
    if "values" in recipe.all_reads:
        vectors = value_vectors(table, sentences, language, checkpoint, recipe.device, progress)
    return Data(table, tokenizer, sentences, checkpoint, vectors)


def tokenizer_of(recipe: Recipe) -> LanguageTokenizer | None:
    """What reads the words of a recipe, fetched where it has to be; None where no words are read."""
    language, question = recipe.language_model, recipe.method.asks
    if language is None or not recipe.reads_words:
        return None
    if question is None:
        return LanguageTokenizer.from_folder_or_name(language.name, language.revision)
    from clickprompt.language import asking_tokenizer

    return asking_tokenizer(language.name, language.revision, question)


def _token_folder(table: PreparedTable, tokenizer: LanguageTokenizer, config: LanguageModelConfig) -> Path:
    key = token_store_key(tokenizer, config.max_value_tokens)
    return table.folder.parent / f"{table.folder.name}.tokens" / f"{table.fingerprint}-{key}"


def tokenized(
    table: PreparedTable, tokenizer: LanguageTokenizer, config: LanguageModelConfig, progress: Progress
) -> Sentences:
    """The words of a prepared folder as tokens, made beside it where they are not there yet."""
    folder = _token_folder(table, tokenizer, config)
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
