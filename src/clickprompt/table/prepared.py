"""A prepared folder: arrays read by memory map and a vocabulary. Needs neither polars nor pandas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clickprompt.contracts import SPLITS, FieldStatistics, SplitName, TableSchema
from clickprompt.settings import ClickPromptError, did_you_mean
from clickprompt.storage import clear_disk_errors, read_manifest
from clickprompt.table.members import Members
from clickprompt.table.text_table import TextTable, read_texts
from clickprompt.table.vocabulary import Vocabulary, buckets_from_json, field_statistics

MANIFEST = "manifest.json"
KIND = "prepared folder"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Split:
    """The rows of one split, in split order."""

    value_ids: np.ndarray
    """int32 (rows, fields): value indices; a read-only memory map."""
    labels: np.ndarray
    """float32 (rows,): 0 or 1."""
    weights: np.ndarray | None
    """float32 (rows,): sample weights; None where all are 1."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class PreparedTable:
    """What `prepare` wrote and everything later reads."""

    folder: Path
    manifest: dict[str, Any]
    schema: TableSchema
    _arrays: dict[str, np.ndarray]
    _texts: TextTable
    _buckets: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> PreparedTable:
        """Open a prepared folder. Raises ClickPromptError where it is none, of another format, or changed by a byte."""
        folder = Path(folder)
        manifest = read_manifest(folder, MANIFEST, kind=KIND, version=FORMAT_VERSION)
        # Mapped now: another run may put a new folder in this one's place, and must not change what this one reads.
        with clear_disk_errors(folder):
            arrays = {name: np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in _arrays(manifest)}
            texts = read_texts(folder / "vocabulary.arrow")
            buckets = json.loads((folder / "numeric.json").read_bytes())
        return cls(folder, manifest, TableSchema.model_validate(manifest["schema"]), arrays, texts, buckets)

    @property
    def fingerprint(self) -> str:
        """Changes when the content of the folder does, or the settings that made it."""
        return str(self.manifest["fingerprint"])

    @cached_property
    def embedding_rows(self) -> np.ndarray:
        """int32 (N,): embedding row of each value; x itself for x < V."""
        return self._arrays["embedding_rows.npy"]

    @cached_property
    def train_counts(self) -> np.ndarray:
        """int64 (N,): training rows that hold each value."""
        return self._arrays["train_counts.npy"]

    @cached_property
    def members(self) -> Members | None:
        """Embedding rows of the items of each value, none for values that are no list; None without list fields."""
        if "members.npy" not in self._arrays:
            return None
        return Members(self._arrays["member_offsets.npy"], self._arrays["members.npy"])

    @cached_property
    def value_texts(self) -> tuple[pa.Array, np.ndarray]:
        """Arrow texts (N,) and uint16 fields (N,) of all values; those that are not `held` are mere names."""
        return self._texts.texts, self._texts.numbers("field")

    @cached_property
    def held(self) -> np.ndarray:
        """bool (N,): values that rows can hold; buckets, items of lists and hashes own rows, but are no row's value."""
        fields = self.value_texts[1]
        borrows = np.array([field.borrows for field in self.schema.fields])
        return ~borrows[fields] | (np.arange(len(fields)) >= self.statistics.offsets[-1])

    @cached_property
    def statistics(self) -> FieldStatistics:
        """What methods may know of the values."""
        offsets = np.array(self.manifest["offsets"], dtype=np.int64)
        return field_statistics(self.schema, offsets, np.asarray(self.train_counts[: offsets[-1]]))

    @property
    def scored_as(self) -> dict[int, int]:
        """The value index that scoring puts in place of a row's own, by the place of the field."""
        return {self.schema.names.index(name): int(value) for name, value in self.manifest.get("score_as", {}).items()}

    def split(self, name: SplitName) -> Split:
        """The rows of a split. Raises ClickPromptError for a name that is none."""
        if name not in SPLITS:
            raise ClickPromptError(f"{self.folder}: no split {name!r}{did_you_mean(name, SPLITS)}")
        return Split(
            value_ids=self._arrays[f"{name}.value_ids.npy"],
            labels=self._arrays[f"{name}.labels.npy"].astype(np.float32),
            weights=self._arrays.get(f"{name}.weights.npy"),
        )

    def vocabulary(self) -> Vocabulary:
        """The values that own embedding rows, for encoding new rows."""
        buckets = buckets_from_json(self._buckets)
        owned = self.value_texts[0].slice(0, int(self.statistics.offsets[-1]))
        return Vocabulary(self.schema, owned, self.statistics, buckets)


def _arrays(manifest: dict[str, Any]) -> list[str]:
    return [name for name in manifest["files"] if name.endswith(".npy")]
