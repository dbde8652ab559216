"""The vectors of a table's values by a frozen language model: made once, kept beside the tokens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from clickprompt.batches import Sentences, ValueVectors
from clickprompt.bundle import read_values
from clickprompt.contracts import Progress, Tokenizer
from clickprompt.language import LanguageModelConfig
from clickprompt.storage import fingerprint, new_folder, read_manifest, write_manifest
from clickprompt.table import PreparedTable
from clickprompt.text import token_store_key
from clickprompt.training import DeviceName, choose_device

KIND, VERSION, MANIFEST = "store of value vectors", 2, "manifest.json"
_FILE = "vectors.npy"


def value_vectors(
    table: PreparedTable,
    sentences: Sentences,
    config: LanguageModelConfig,
    checkpoint: str,
    device: DeviceName,
    progress: Progress,
) -> ValueVectors:
    """Vectors of all values that rows can hold, made now unless the same table, tokens and language model made them
    before; `sentences` lays the values out, and its permutation is the vectors' too.

    Raises ClickPromptError where a byte of them has changed.
    """
    folder = vectors_folder(table, sentences.tokenizer, config, checkpoint)
    if folder.exists():
        read_manifest(folder, MANIFEST, kind=KIND, version=VERSION)
    else:
        settings = _settings(sentences.tokenizer, config, checkpoint)
        _write(folder, table, sentences, config, device, progress, settings)
    return ValueVectors(np.asarray(np.load(folder / _FILE, mmap_mode="r")), sentences.permutation)


def vectors_folder(table: PreparedTable, tokenizer: Tokenizer, config: LanguageModelConfig, checkpoint: str) -> Path:
    """Where the vectors of these values by this language model are kept."""
    settings = fingerprint(_settings(tokenizer, config, checkpoint))
    return table.folder.parent / f"{table.folder.name}.vectors" / f"{table.fingerprint}-{settings}"


def _settings(tokenizer: Tokenizer, config: LanguageModelConfig, checkpoint: str) -> dict[str, object]:
    return {
        "tokens": token_store_key(tokenizer, config.max_value_tokens),
        "checkpoint": checkpoint,
        "layers": config.layers,
        "pooling": config.pooling,
        "max_length": config.max_length,
        "version": VERSION,
    }


def _write(
    folder: Path,
    table: PreparedTable,
    sentences: Sentences,
    config: LanguageModelConfig,
    device: DeviceName,
    progress: Progress,
    settings: Mapping[str, object],
) -> None:
    from clickprompt.language import load_language_model

    chosen = choose_device(device)
    encoder = load_language_model(config).encoder.to(chosen)
    own_words = Sentences(sentences.store, sentences.tokenizer, sentences.max_length)
    held = np.flatnonzero(table.held)
    report = progress.start("read values", len(held), "distinct values")
    with new_folder(folder) as new:
        shape = (len(table.held), encoder.hidden_size)
        vectors = np.lib.format.open_memmap(new / _FILE, mode="w+", dtype=np.float32, shape=shape)
        _reserve(new / _FILE)
        done = 0
        for places, found in read_values(encoder, own_words, held, config.pooling, chosen):
            vectors[held[places]] = found
            done += len(places)
            report(done, "")
        vectors.flush()
        del vectors
        content = {"settings": settings, "values": shape[0], "width": shape[1]}
        write_manifest(new, MANIFEST, content, kind=KIND, version=VERSION)


def _reserve(path: Path) -> None:
    """Take the disk space of a sparse file now: a memory map on a full disk would end the process without a word."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
