"""Masks of whole values: each token or none, at least one a row, whatever the batch and however sentences are cut."""

import numpy as np
import pytest
from scipy import stats
from word_tokenizer import WordTokenizer

from clickprompt.contracts import Field, TableSchema
from clickprompt.text import TokenStore, at_least_one, lay_out, mask_values, uniforms, value_fields

TOKENIZER = WordTokenizer()
NAMES = ("User", "Movie title", "Genre", "Price")
SCHEMA = TableSchema(fields=tuple(Field(name=name) for name in NAMES))
TEXTS = [["7", "ann lee", ""], ["Toy Story", "a b c d e f g h", ""], ["drama", "x y z u v w", ""], ["9.5", "", ""]]
STORE = TokenStore.from_texts(
    [text for of_field in TEXTS for text in of_field], np.repeat(np.arange(4), 3), SCHEMA, TOKENIZER, 32
)


def some_rows(count, seed=0, last=3):
    return np.random.default_rng(seed).integers(0, last, (count, 4)) + 3 * np.arange(4)


def hide(values, rows, max_length=64, rate=0.3, seed=5, epoch=0):
    """Everything by row: tokens, their fields, masked tokens, and which were hidden; then the targets."""
    ids, lengths = lay_out(STORE, values, TOKENIZER, max_length)
    fields = value_fields(STORE, values, TOKENIZER, max_length)
    before = ids.copy()
    masked, positions, targets = mask_values(ids, fields, lengths, rows, 4, seed, epoch, TOKENIZER, rate)
    np.testing.assert_array_equal(ids, before)
    chosen = np.isin(np.arange(len(ids)), positions)
    np.testing.assert_array_equal(targets, ids[chosen])
    parts = zip(*(np.split(x, np.cumsum(lengths)[:-1]) for x in (ids, fields, masked, chosen)), strict=True)
    return list(parts), positions


@pytest.mark.parametrize("max_length", [64, 22, 18])
def test_every_token_of_a_hidden_value_and_no_other(max_length):
    values, rows = some_rows(300), 11 * np.arange(300)
    by_row, positions = hide(values, rows, max_length)
    assert (np.diff(positions) > 0).all()
    draws = uniforms(5, 0, 3, rows, np.arange(4))
    cut = 0
    for (ids, fields, masked, chosen), draw, value in zip(by_row, draws, values, strict=True):
        with_words = [field for field in range(4) if (fields == field).any()]
        hidden = {field for field in with_words if draw[field] < 0.3}
        if not hidden and with_words:
            hidden = {min(with_words, key=lambda field: draw[field])}
        np.testing.assert_array_equal(chosen, np.isin(fields, list(hidden)))
        assert (masked[chosen] == TOKENIZER.mask_id).all()
        np.testing.assert_array_equal(masked[~chosen], ids[~chosen])
        words = sum(len(TOKENIZER.encode([TEXTS[f][v - 3 * f]])[0][0]) for f, v in enumerate(value))
        cut += (fields >= 0).sum() < words
    assert (cut > 0) == (max_length < 64)


def test_the_share_of_each_field():
    values, rows = some_rows(20_000, last=1), np.arange(20_000)  # every value has words
    draws = uniforms(5, 0, 3, rows, np.arange(4))
    expected = 0.3 + 0.7**4 / 4  # alone lowest where none is below the rate
    chosen = at_least_one(draws, 0.3, np.ones_like(draws, bool))
    by_row, _ = hide(values, rows)
    for field in range(4):
        hidden = [chosen[fields == field].all() for _, fields, _, chosen in by_row]
        np.testing.assert_array_equal(hidden, chosen[:, field])
        assert stats.binomtest(int(np.sum(hidden)), 20_000, expected).pvalue > 1e-4


def test_at_least_one_of_those_allowed():
    draws = np.array([[0.5, 0.2, 0.9], [0.5, 0.2, 0.9], [0.5, 0.2, 0.9], [0.05, 0.2, 0.01]])
    allowed = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 0]], bool)
    expected = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0]], bool)
    np.testing.assert_array_equal(at_least_one(draws, 0.1, allowed), expected)


def test_the_batch_its_order_and_cuts_change_no_choice():
    values, rows = some_rows(60, last=2), 7 * np.arange(60)

    def chosen(order, **settings):
        by_row, _ = hide(values[order], rows[order], **settings)
        return {row: set(f[c].tolist()) for row, (_, f, _, c) in zip(rows[order].tolist(), by_row, strict=True)}

    whole = chosen(np.arange(60))
    some = np.random.default_rng(1).permutation(60)[:20]
    assert chosen(some) == {row: whole[row] for row in rows[some].tolist()}
    assert chosen(np.arange(60), max_length=20) == whole
    assert chosen(np.arange(60), seed=6) != whole
    assert chosen(np.arange(60), epoch=1) != whole


def test_rows_without_words_hide_nothing():
    empty = np.array([[2, 5, 8, 11], [0, 3, 6, 9]])
    by_row, _ = hide(empty, np.arange(2), rate=1.0)
    assert not by_row[0][3].any()
    assert by_row[1][3].sum() == (by_row[1][1] >= 0).sum()
