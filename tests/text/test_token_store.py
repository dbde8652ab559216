"""Token stores: spans, files, joining."""

import numpy as np
import pytest
from word_tokenizer import WordTokenizer

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.text import TokenStore, build_token_store, token_store_key

SCHEMA = TableSchema(fields=(Field(name="User"), Field(name="Movie title")))
TEXTS, FIELDS = ["7", "ann lee", "Toy Story", "Se7en (1995)", ""], [0, 0, 1, 1, 1]


def same(one, other):
    names = ("tokens", "offsets", "value_spans")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_spans_and_values():
    tokenizer = WordTokenizer()
    store = TokenStore.from_texts(TEXTS, FIELDS, SCHEMA, tokenizer, 3)
    assert len(store) == 5
    spans = [store.tokens[store.offsets[v] : store.offsets[v + 1]] for v in range(5)]
    assert [" ".join(tokenizer.words(span)) for span in spans] == [
        "User is 7 .",
        "User is ann lee .",
        "Movie title is Toy Story .",
        "Movie title is Se7en ( 1995 .",
        "Movie title is .",
    ]
    values = [tokenizer.words(span[a:b]) for span, (a, b) in zip(spans, store.value_spans, strict=True)]
    assert values == [["7"], ["ann", "lee"], ["Toy", "Story"], ["Se7en", "(", "1995"], []]


def test_offsets_that_reach_over_the_space_or_the_stop():
    # As in byte-level vocabularies: words carry the space before them, and marks run together.
    tokenizer = WordTokenizer(pattern=r" ?\w+| ?[^\w\s]+")
    store = TokenStore.from_texts(["what?"], [1], SCHEMA, tokenizer, 32)
    assert tokenizer.words(store.tokens) == [" Movie", " title", " is", " what", "?."]
    assert store.value_spans.tolist() == [[3, 5]]


@pytest.mark.parametrize(("vocab_size", "expected"), [(1000, np.uint16), (2**16, np.uint16), (2**16 + 1, np.uint32)])
def test_token_width(vocab_size, expected):
    store = TokenStore.from_texts(TEXTS, FIELDS, SCHEMA, WordTokenizer(vocab_size=vocab_size), 8)
    assert store.tokens.dtype == expected
    assert store.value_spans.dtype == np.int16


def test_very_long_values_widen_the_spans():
    store = TokenStore.from_texts([" ".join("a" * 40_000)], [0], SCHEMA, WordTokenizer(), 50_000)
    assert store.value_spans.tolist() == [[2, 40_002]]


def test_files_come_back_and_notice_a_changed_byte(tmp_path):
    tokenizer = WordTokenizer()
    heard = []
    store = build_token_store(
        tmp_path / "store", TEXTS, FIELDS, SCHEMA, tokenizer, 3, lambda done, note: heard.append(done)
    )
    assert heard == [5]
    assert same(store, TokenStore.from_texts(TEXTS, FIELDS, SCHEMA, tokenizer, 3))
    assert isinstance(store.tokens, np.memmap)
    file = tmp_path / "store" / "tokens.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ClickPromptError, match=r"tokens\.npy: changed since it was written"):
        TokenStore.open(tmp_path / "store")


def test_many_batches_equal_one(monkeypatch):
    tokenizer = WordTokenizer()
    whole = TokenStore.from_texts(TEXTS, FIELDS, SCHEMA, tokenizer, 8)
    monkeypatch.setattr("clickprompt.text.token_store._AT_ONCE", 2)
    assert same(TokenStore.from_texts(TEXTS, FIELDS, SCHEMA, tokenizer, 8), whole)


def test_take_and_concatenate():
    tokenizer = WordTokenizer()
    store = TokenStore.from_texts(TEXTS, FIELDS, SCHEMA, tokenizer, 8)
    taken = store.take(np.array([3, 0, 3]))
    assert same(taken, TokenStore.from_texts([TEXTS[3], TEXTS[0], TEXTS[3]], [1, 0, 1], SCHEMA, tokenizer, 8))
    parts = [store.take(np.array([0, 1])), store.take(np.array([2, 3, 4]))]
    assert same(TokenStore.concatenate(parts), store)
    assert len(TokenStore.from_texts([], [], SCHEMA, tokenizer, 8)) == 0


def test_key_follows_what_makes_tokens():
    one, other = WordTokenizer(), WordTokenizer()
    other.fingerprint = "others"
    assert token_store_key(one, 8) == token_store_key(one, 8)
    assert len({token_store_key(one, 8), token_store_key(one, 9), token_store_key(other, 8)}) == 3
