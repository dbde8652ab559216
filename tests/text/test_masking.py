"""Masks: shares, independence of the batch, special tokens."""

import numpy as np
import pytest
from scipy import stats
from word_tokenizer import WordTokenizer

from clickprompt.text import mask_tokens, places

TOKENIZER = WordTokenizer(vocab_size=60)
SPECIAL = sorted(TOKENIZER.special_ids)


def sentences(batch, length, seed=0):
    """Sentences of up to `length` tokens, end to end, and their lengths."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, length + 1, batch)
    ids = random.choice([token for token in range(60) if token not in SPECIAL], lengths.sum())
    ids[np.cumsum(lengths) - lengths] = 1
    ids[np.cumsum(lengths) - 1] = 2
    return ids, lengths


def alike(batch, length, token=30):
    """Sentences of one word, over and over."""
    return np.full(batch * length, token), np.full(batch, length)


def test_places_count_from_each_start():
    assert places(np.array([3, 0, 1, 2])).tolist() == [0, 1, 2, 0, 0, 1]


def test_shares_of_each_treatment():
    ids, lengths = sentences(4000, 60)
    masked, positions, targets = mask_tokens(ids, lengths, np.arange(4000), 0, 0, TOKENIZER)
    candidates = int((~np.isin(ids, SPECIAL)).sum())
    assert stats.binomtest(len(positions), candidates, 0.15).pvalue > 1e-4
    now = masked[positions]
    hidden = int((now == TOKENIZER.mask_id).sum())
    assert stats.binomtest(hidden, len(positions), 0.8).pvalue > 1e-4
    # A random token equals the old one once in 55 times.
    assert stats.binomtest(int((now == targets).sum()), len(positions), 0.1 + 0.1 / 55).pvalue > 1e-4
    replaced = now[(now != TOKENIZER.mask_id) & (now != targets)]
    counts = np.bincount(replaced, minlength=60)
    assert not counts[SPECIAL].any()
    assert stats.chisquare(np.delete(counts, SPECIAL)).pvalue > 1e-4


def test_each_position_is_as_likely():
    _, positions, _ = mask_tokens(*alike(20_000, 12), np.arange(20_000), 3, 1, TOKENIZER)
    assert stats.chisquare(np.bincount(positions % 12, minlength=12)).pvalue > 1e-4


def test_what_is_returned_fits_together():
    ids, lengths = sentences(300, 40)
    before = ids.copy()
    masked, positions, targets = mask_tokens(ids, lengths, np.arange(300), 0, 0, TOKENIZER)
    np.testing.assert_array_equal(ids, before)
    np.testing.assert_array_equal(ids[positions], targets)
    assert positions.dtype == targets.dtype == masked.dtype == np.int64
    assert (np.diff(positions) > 0).all()
    np.testing.assert_array_equal(np.delete(masked, positions), np.delete(ids, positions))


@pytest.mark.parametrize("rate", [0.15, 1.0])
def test_special_tokens_are_never_chosen(rate):
    ids, lengths = sentences(500, 40)
    _, _, targets = mask_tokens(ids, lengths, np.arange(500), 0, 0, TOKENIZER, rate)
    assert not np.isin(targets, SPECIAL).any()
    if rate == 1.0:
        assert len(targets) == (~np.isin(ids, SPECIAL)).sum()


def test_the_batch_and_its_order_change_nothing():
    ids, lengths = sentences(64, 30)
    rows = np.arange(64) * 17
    starts = np.cumsum(lengths) - lengths
    masked, _, _ = mask_tokens(ids, lengths, rows, 5, 2, TOKENIZER)
    order = np.random.default_rng(1).permutation(64)[:20]

    def some(tokens):
        return np.concatenate([tokens[starts[row] : starts[row] + lengths[row]] for row in order])

    again, _, _ = mask_tokens(some(ids), lengths[order], rows[order], 5, 2, TOKENIZER)
    np.testing.assert_array_equal(again, some(masked))


def test_seed_epoch_and_row_change_the_draw():
    rows = np.arange(200)
    drawn = [
        set(mask_tokens(*alike(200, 30), r, seed, epoch, TOKENIZER)[1].tolist())
        for seed, epoch, r in [(0, 0, rows), (1, 0, rows), (0, 1, rows), (0, 0, rows + 200)]
    ]
    for n, one in enumerate(drawn):
        for other in drawn[:n]:
            assert len(one & other) < 0.3 * len(one)  # 0.15 by chance


@pytest.mark.parametrize("shape", [(3, 20), (0, 0), (0, 5), (2, 0)])
def test_nothing_chosen(shape):
    ids, lengths = alike(*shape, token=1)
    masked, positions, targets = mask_tokens(ids, lengths, np.arange(shape[0]), 0, 0, TOKENIZER)
    np.testing.assert_array_equal(masked, ids)
    assert len(positions) == len(targets) == 0
    assert positions.dtype == targets.dtype == np.int64
