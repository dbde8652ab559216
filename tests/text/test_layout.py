"""Sentences laid out from spans, against tokenizing them whole and against cutting one token at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from word_tokenizer import WordTokenizer

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.text import TokenStore, lay_out, sentence_lengths, sentence_of, value_fields

SCHEMA = TableSchema(fields=(Field(name="User"), Field(name="Movie title"), Field(name="Genre")))
TEXTS = [["7", "ann lee", ""], ["Toy Story", "a b c d e f g h", "?!"], ["drama", "x y z u v w", "not known"]]


def make_store(tokenizer, max_value_tokens=32, texts=TEXTS):
    flat = [text for of_field in texts for text in of_field]
    fields = [field for field, of_field in enumerate(texts) for _ in of_field]
    return TokenStore.from_texts(flat, fields, SCHEMA, tokenizer, max_value_tokens)


def all_rows():
    return np.array([[a, 3 + b, 6 + c] for a in range(3) for b in range(3) for c in range(3)])


def sentences(ids, lengths):
    """Each row's tokens, out of what is laid end to end."""
    return np.split(ids, np.cumsum(lengths)[:-1])


def cut_by_hand(row, tokenizer, max_length, max_value_tokens=32):
    """One row, one token at a time."""
    values = [TEXTS[field][int(value) - 3 * field] for field, value in enumerate(row)]
    encode = lambda text: tokenizer.encode([text])[0][0]  # noqa: E731
    words = [encode(value)[:max_value_tokens] for value in values]
    fixed = [encode(f"{name} is") for name in SCHEMA.names]
    stop = encode(".")
    size = lambda: 2 + sum(len(f) + len(w) + 1 for f, w in zip(fixed, words, strict=True))  # noqa: E731
    while size() > max_length:
        longest = max(range(len(words)), key=lambda field: (len(words[field]), -field))
        words[longest] = words[longest][:-1]
    body = [token for f, w in zip(fixed, words, strict=True) for token in f + w + stop]
    return [1, *body, 2]


def test_spans_end_to_end_are_the_sentence():
    tokenizer = WordTokenizer()
    rows = all_rows()
    ids, lengths = lay_out(make_store(tokenizer), rows, tokenizer, 64)
    assert ids.dtype == lengths.dtype == np.int64
    assert ids.shape == (lengths.sum(),)
    for row, tokens in zip(rows, sentences(ids, lengths), strict=True):
        values = [TEXTS[field][value - 3 * field] for field, value in enumerate(row)]
        whole = [1, *tokenizer.encode([sentence_of(values, SCHEMA)])[0][0], 2]
        assert tokens.tolist() == whole


@pytest.mark.parametrize("max_length", [40, 22, 21, 20, 18, 16, 14, 13, 12])
def test_longest_value_loses_first(max_length):
    tokenizer = WordTokenizer()
    rows = all_rows()
    store = make_store(tokenizer)
    ids, lengths = lay_out(store, rows, tokenizer, max_length)
    for row, tokens in zip(rows, sentences(ids, lengths), strict=True):
        assert tokens.tolist() == cut_by_hand(row, tokenizer, max_length)
    np.testing.assert_array_equal(sentence_lengths(store, rows, tokenizer, max_length), lengths)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=6), st.integers(12, 45))
def test_any_lengths_are_cut_as_by_hand(counts, max_length):
    tokenizer = WordTokenizer()
    texts = [[" ".join(f"w{field}{n}" for n in range(row[field])) for row in counts] for field in range(3)]
    flat = [text for of_field in texts for text in of_field]
    fields = np.repeat(np.arange(3), len(counts))
    store = TokenStore.from_texts(flat, fields, SCHEMA, tokenizer, 32)
    rows = np.arange(len(flat)).reshape(3, -1).T
    ids, lengths = lay_out(store, rows, tokenizer, max_length)
    for number, tokens in enumerate(sentences(ids, lengths)):
        left = list(counts[number])
        while sum(left) + 12 > max_length:
            left[left.index(max(left))] -= 1
        kept = [word for word in tokenizer.words(tokens[1:-1]) if word.startswith("w")]
        assert kept == [f"w{field}{n}" for field in range(3) for n in range(left[field])]


def test_values_are_cut_when_stored():
    tokenizer = WordTokenizer()
    ids, lengths = lay_out(make_store(tokenizer, 3), np.array([[0, 4, 7]]), tokenizer, 64)
    sentence = " ".join(tokenizer.words(ids[1 : lengths[0] - 1]))
    assert sentence == "User is 7 . Movie title is a b c . Genre is x y z ."


@pytest.mark.parametrize("max_length", [64, 16])
def test_value_fields_mark_the_values(max_length):
    tokenizer = WordTokenizer()
    store = make_store(tokenizer)
    rows = all_rows()
    ids, lengths = lay_out(store, rows, tokenizer, max_length)
    fields = value_fields(store, rows, tokenizer, max_length)
    assert fields.shape == ids.shape
    for row, tokens, marks in zip(rows, sentences(ids, lengths), sentences(fields, lengths), strict=True):
        for field in range(3):
            words = tokenizer.words(tokens[marks == field])
            value = TEXTS[field][row[field] - 3 * field]
            full = tokenizer.words(tokenizer.encode([value])[0][0])
            assert words == (full if max_length == 64 else full[: len(words)])
        outside = tokenizer.words(tokens[marks == -1][1:-1])
        assert outside == ["User", "is", ".", "Movie", "title", "is", ".", "Genre", "is", "."]


def test_names_alone_too_long():
    tokenizer = WordTokenizer()
    with pytest.raises(ClickPromptError, match=r"max_length is 11; field names alone take 12 tokens"):
        lay_out(make_store(tokenizer), all_rows(), tokenizer, 11)


def test_no_special_tokens_and_no_rows():
    tokenizer = WordTokenizer(prefix_ids=(), suffix_ids=())
    store = make_store(tokenizer)
    ids, lengths = lay_out(store, np.array([[0, 3, 6]]), tokenizer, 64)
    assert " ".join(tokenizer.words(ids)) == "User is 7 . Movie title is Toy Story . Genre is drama ."
    ids, lengths = lay_out(store, np.zeros((0, 3), np.int64), tokenizer, 64)
    assert ids.shape == (0,)
    assert lengths.shape == (0,)


def test_two_special_tokens_after():
    tokenizer = WordTokenizer(prefix_ids=(1, 9), suffix_ids=(2, 9))
    rows = all_rows()
    ids, lengths = lay_out(make_store(tokenizer), rows, tokenizer, 64)
    for tokens in sentences(ids, lengths):
        assert tokens[:2].tolist() == [1, 9]
        assert tokens[-2:].tolist() == [2, 9]
        assert (tokens[2:-2] >= 10).all()
