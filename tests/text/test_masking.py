"""Masks: shares, independence of the batch, special tokens."""

import numpy as np
import pytest
from scipy import stats
from word_tokenizer import WordTokenizer

from clickprompt.text import mask_tokens

TOKENIZER = WordTokenizer(vocab_size=60)
SPECIAL = sorted(TOKENIZER.special_ids)


def sentences(batch, length, seed=0):
    random = np.random.default_rng(seed)
    ids = random.choice([token for token in range(60) if token not in SPECIAL], (batch, length))
    lengths = random.integers(3, length + 1, batch)
    ids[:, 0] = 1
    ids[np.arange(batch), lengths - 1] = 2
    ids[np.arange(length) >= lengths[:, None]] = TOKENIZER.pad_id
    return ids, lengths


def test_shares_of_each_treatment():
    ids, lengths = sentences(4000, 60)
    masked, positions, targets = mask_tokens(ids, lengths, np.arange(4000), 0, 0, TOKENIZER)
    candidates = int((~np.isin(ids, SPECIAL)).sum())
    assert stats.binomtest(len(positions), candidates, 0.15).pvalue > 1e-4
    now = masked.reshape(-1)[positions]
    hidden = int((now == TOKENIZER.mask_id).sum())
    assert stats.binomtest(hidden, len(positions), 0.8).pvalue > 1e-4
    # A random token equals the old one once in 55 times.
    assert stats.binomtest(int((now == targets).sum()), len(positions), 0.1 + 0.1 / 55).pvalue > 1e-4
    replaced = now[(now != TOKENIZER.mask_id) & (now != targets)]
    counts = np.bincount(replaced, minlength=60)
    assert not counts[SPECIAL].any()
    assert stats.chisquare(np.delete(counts, SPECIAL)).pvalue > 1e-4


def test_each_position_is_as_likely():
    ids = np.full((20_000, 12), 30)
    _, positions, _ = mask_tokens(ids, np.full(20_000, 12), np.arange(20_000), 3, 1, TOKENIZER)
    assert stats.chisquare(np.bincount(positions % 12, minlength=12)).pvalue > 1e-4


def test_what_is_returned_fits_together():
    ids, lengths = sentences(300, 40)
    before = ids.copy()
    masked, positions, targets = mask_tokens(ids, lengths, np.arange(300), 0, 0, TOKENIZER)
    np.testing.assert_array_equal(ids, before)
    np.testing.assert_array_equal(ids.reshape(-1)[positions], targets)
    assert positions.dtype == targets.dtype == masked.dtype == np.int64
    assert (np.diff(positions) > 0).all()
    untouched = np.delete(np.arange(ids.size), positions)
    np.testing.assert_array_equal(masked.reshape(-1)[untouched], ids.reshape(-1)[untouched])


@pytest.mark.parametrize("rate", [0.15, 1.0])
def test_special_tokens_and_padding_are_never_chosen(rate):
    ids, lengths = sentences(500, 40)
    _, positions, targets = mask_tokens(ids, lengths, np.arange(500), 0, 0, TOKENIZER, rate)
    assert not np.isin(targets, SPECIAL).any()
    assert (positions % 40 < lengths[positions // 40]).all()
    if rate == 1.0:
        assert len(positions) == (~np.isin(ids, SPECIAL)).sum()


def test_padding_with_an_ordinary_token_is_not_chosen():
    lengths = np.array([2])
    _, positions, _ = mask_tokens(np.full((1, 30), 30), lengths, np.array([0]), 0, 0, TOKENIZER, 1.0)
    assert positions.tolist() == [0, 1]


def test_batch_order_and_padding_change_nothing():
    ids, lengths = sentences(64, 30)
    rows = np.arange(64) * 17
    masked, _, _ = mask_tokens(ids, lengths, rows, 5, 2, TOKENIZER)
    order = np.random.default_rng(1).permutation(64)[:20]
    wide = np.pad(ids[order], ((0, 0), (0, 11)), constant_values=TOKENIZER.pad_id)
    again, _, _ = mask_tokens(wide, lengths[order], rows[order], 5, 2, TOKENIZER)
    np.testing.assert_array_equal(again[:, :30], masked[order])


def test_seed_epoch_and_row_change_the_draw():
    ids = np.full((200, 30), 30)
    lengths, rows = np.full(200, 30), np.arange(200)
    drawn = [
        set(mask_tokens(ids, lengths, r, seed, epoch, TOKENIZER)[1].tolist())
        for seed, epoch, r in [(0, 0, rows), (1, 0, rows), (0, 1, rows), (0, 0, rows + 200)]
    ]
    for n, one in enumerate(drawn):
        for other in drawn[:n]:
            assert len(one & other) < 0.3 * len(one)  # 0.15 by chance


@pytest.mark.parametrize("shape", [(3, 20), (0, 0), (0, 5)])
def test_nothing_chosen(shape):
    ids = np.full(shape, 1)
    masked, positions, targets = mask_tokens(ids, np.full(shape[0], shape[1]), np.arange(shape[0]), 0, 0, TOKENIZER)
    np.testing.assert_array_equal(masked, ids)
    assert len(positions) == len(targets) == 0
    assert positions.dtype == targets.dtype == np.int64
