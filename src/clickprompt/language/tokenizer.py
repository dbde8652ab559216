"""A tokenizer as the rest of the library needs it, on the Rust `tokenizers` alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RustTokenizer

from clickprompt.language.source import Source, check_reachable, find_source, not_found
from clickprompt.settings import ClickPromptError
from clickprompt.storage import fingerprint

TOKENIZER_FILE, SPECIALS_FILE = "tokenizer.json", "special_tokens.json"


class LanguageTokenizer:
    """Tokens of texts and the special tokens around them (`contracts.Tokenizer`).

    Words that look like special tokens ("[MASK]" in a title) are read as words, or as unknown ones.
    """

    def __init__(
        self,
        tokenizer: RustTokenizer,
        *,
        prefix_ids: Sequence[int],
        suffix_ids: Sequence[int],
        special_ids: Sequence[int],
        unknown_id: int,
        mask_id: int | None,
        pad_id: int,
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.prefix_ids = tuple(prefix_ids)
        self.suffix_ids = tuple(suffix_ids)
        self.special_ids = frozenset(special_ids)
        self.unknown_id = unknown_id
        self._mask_id = mask_id
        self.pad_id = pad_id
        self._never_words = self.special_ids - {unknown_id}
        self.vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def mask_id(self) -> int:
        """The mask token. Raises ValueError where there is none, as in tokenizers of text-to-text models."""
        if self._mask_id is None:
            raise ValueError("this tokenizer has no mask token; no word can be hidden")
        return self._mask_id

    @cached_property
    def fingerprint(self) -> str:
        """Changes when the tokenizer does."""
        return fingerprint({"tokenizer": json.loads(self._tokenizer.to_str()), "specials": self._specials()})

    def encode(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids of each text without special tokens, and each token's (start, end) characters in it."""
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [(self._words(one.ids), one.offsets) for one in encoded]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones included."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    @staticmethod
    def from_folder_or_name(name: str, revision: str | None = None) -> LanguageTokenizer:
        """The tokenizer of a checkpoint, by the name that recipes use.

        Raises ClickPromptError where it is not found or cannot serve: no fast version, no mask token, or words that
        change with what stands before them.
        """
        return from_source(find_source(name, revision))

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `special_tokens.json` into an existing folder."""
        (folder / TOKENIZER_FILE).write_text(self._tokenizer.to_str(pretty=True), encoding="utf-8")
        (folder / SPECIALS_FILE).write_text(json.dumps(self._specials(), indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> LanguageTokenizer:
        """Read what `save` wrote; needs no transformers."""
        try:
            specials = json.loads((folder / SPECIALS_FILE).read_text(encoding="utf-8"))
            return LanguageTokenizer(RustTokenizer.from_file(str(folder / TOKENIZER_FILE)), **specials)
        except Exception as error:  # tokenizers raises bare Exception
            raise ClickPromptError(f"{folder}: no readable tokenizer: {str(error).splitlines()[0]}") from error

    def _words(self, ids: list[int]) -> list[int]:
        if self._never_words.isdisjoint(ids):
            return ids
        # Unigram vocabularies hold "</s>" as a word like others.
        return [self.unknown_id if token in self._never_words else token for token in ids]

    def _specials(self) -> dict[str, Any]:
        return {
            "prefix_ids": list(self.prefix_ids),
            "suffix_ids": list(self.suffix_ids),
            "special_ids": sorted(self.special_ids),
            "unknown_id": self.unknown_id,
            "mask_id": self._mask_id,
            "pad_id": self.pad_id,
        }


def from_source(source: Source, question: str | None = None) -> LanguageTokenizer:
    """The tokenizer that belongs to a checkpoint; its special tokens are learned from transformers.

    With a `question`, for text-to-text models, every sentence ends in it, and there need be no mask token.
    """
    from transformers import AutoTokenizer

    from clickprompt.language.quiet import quiet_transformers

    check_reachable(source)
    try:
        with quiet_transformers():
            outer = AutoTokenizer.from_pretrained(source.location, revision=source.revision, trust_remote_code=False)
    except Exception as error:  # a missing, damaged or unknown tokenizer is met in many kinds of exception
        raise not_found(source, error) from error
    where = f"language_model.name: the tokenizer of {source.location}"
    if not getattr(outer, "is_fast", False):
        raise ClickPromptError(f"{where} gives no character offsets; choose a model with a tokenizer.json")
    if outer.mask_token_id is None and question is None:
        raise ClickPromptError(f"{where} has no mask token; choose a masked language model, such as minilm")
    inner = RustTokenizer.from_str(outer.backend_tokenizer.to_str())
    prefix, suffix = _template(inner)
    tokenizer = LanguageTokenizer(
        inner,
        prefix_ids=prefix,
        suffix_ids=suffix,
        special_ids=outer.all_special_ids,
        # Byte-level vocabularies know every word and may have no such token.
        unknown_id=outer.unk_token_id if outer.unk_token_id is not None else outer.mask_token_id,
        mask_id=outer.mask_token_id,
        # Padding is never read; any token may stand there.
        pad_id=outer.pad_token_id if outer.pad_token_id is not None else outer.mask_token_id,
    )
    first, second = "Title is one.", " Year is 2."
    apart = [token for text in (first, second) for token in tokenizer.encode([text])[0][0]]
    if apart != tokenizer.encode([first + second])[0][0]:
        raise ClickPromptError(f"{where} reads words differently after others; choose another model, such as minilm")
    if question:
        tokenizer.suffix_ids = (*tokenizer.encode([f" {question}"])[0][0], *tokenizer.suffix_ids)
    return tokenizer


def _template(tokenizer: RustTokenizer) -> tuple[list[int], list[int]]:
    """Special tokens before and after a sentence."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    one = tokenizer.encode("a", add_special_tokens=True)
    words = [place for place, special in enumerate(one.special_tokens_mask) if not special]
    return one.ids[: words[0]], one.ids[words[-1] + 1 :]
