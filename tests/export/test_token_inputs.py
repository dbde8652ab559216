"""Raw rows as inputs of an exported model, against the tokenizer and the vocabulary themselves."""

from __future__ import annotations

import numpy as np
import pytest
from language_bundles import write_language_bundle

from clickprompt.bundle import load_bundle, token_batches, token_inputs
from clickprompt.methods import ClickPromptConfig, CTRBertConfig, PTabConfig
from clickprompt.settings import ClickPromptError
from clickprompt.testing.bundles import write_tiny_bundle
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists

ROWS = {
    "user": ["u1", "u2", "never seen", None],
    "city": ["Oslo", "", "Pune", "Lima"],
    "item": ["i1", "i2", "i3", "i4"],
    "title": ["golden lamp 3", "x", "a very long title " * 20, None],
    "price": [12.5, None, 7, 1e9],
}
SENTENCES = (
    "user is u1. city is Oslo. item is i1. title is golden lamp 3. price is 12.5.",
    "user is u2. city is unknown. item is i2. title is x. price is unknown.",
)


@pytest.fixture(scope="module")
def ptab(tmp_path_factory, tiny_bert, tiny_clicks):
    return load_bundle(write_language_bundle(tmp_path_factory.mktemp("ptab") / "ptab", tiny_bert, PTabConfig()))


def test_tokens_are_those_of_the_sentences(ptab):
    inputs = token_inputs(ptab, ROWS)
    assert list(inputs) == ["input_ids", "attention_mask"]  # no ID model, no embedding rows
    tokenizer = ptab.tokenizer
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape == (4, 64)  # the third row is cut to max_length
    for row, sentence in enumerate(SENTENCES):
        expected = [*tokenizer.prefix_ids, *tokenizer.encode([sentence])[0][0], *tokenizer.suffix_ids]
        assert inputs["input_ids"][row].tolist() == expected + [tokenizer.pad_id] * (64 - len(expected))
        assert inputs["attention_mask"][row].tolist() == [1] * len(expected) + [0] * (64 - len(expected))
    assert {array.dtype for array in inputs.values()} == {np.dtype(np.int64)}


def test_batches_hold_each_row_once_shorter_ones_first(ptab):
    whole, seen, widths = token_inputs(ptab, ROWS), [], []
    for some, inputs in token_batches(ptab, ROWS, at_once=2):
        seen += some.tolist()
        widths.append(inputs["input_ids"].shape[1])
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, whole[name][some][:, : widths[-1]])
        assert inputs["attention_mask"].sum(1).max() == widths[-1]  # padded no further than need be
    assert sorted(seen) == [0, 1, 2, 3]
    assert widths == sorted(widths)
    assert widths[0] < 64


def test_embedding_rows_and_padded_lists(tmp_path, tiny_bert):
    write_tiny_lists(tmp_path)
    bundle = load_bundle(
        write_language_bundle(tmp_path / "lists", tiny_bert, ClickPromptConfig(), tiny_lists_config(tmp_path))
    )
    rows = {"user": ["u1", "u2"], "tags": ["red|new", ""], "history": [["film 3"], ["film 4", "film 5", "nothing"]]}
    inputs = token_inputs(bundle, rows)
    assert list(inputs) == ["feature_ids", "items_1", "items_2", "input_ids", "attention_mask"]
    np.testing.assert_array_equal(inputs["feature_ids"], bundle.vocabulary.encode(rows).feature_ids)
    names, offsets = bundle.vocabulary.texts.to_pylist(), bundle.vocabulary.statistics.offsets
    oov = offsets[-1] + np.arange(3)

    def row_of(place, text):
        return offsets[place] + names[offsets[place] : offsets[place + 1]].index(text)

    # an empty cell is the item "unknown", which training rows held as well
    assert inputs["items_1"].tolist() == [[row_of(1, "red"), oov[1]], [row_of(1, "unknown"), -1]]
    film = [row_of(2, f"film {number}") for number in (3, 4, 5)]
    assert inputs["items_2"].tolist() == [[film[0], -1, -1], [film[1], film[2], oov[2]]]


def test_users_and_items_apart(tmp_path, tiny_bert):
    bundle = load_bundle(write_language_bundle(tmp_path / "ctr-bert", tiny_bert, CTRBertConfig()))
    inputs = token_inputs(bundle, ROWS)
    assert list(inputs) == ["user_input_ids", "user_attention_mask", "item_input_ids", "item_attention_mask"]
    for side, sentence in (
        ("user", "user is u2. city is unknown."),
        ("item", " item is i2. title is x. price is unknown."),
    ):
        words = bundle.tokenizer.encode([sentence])[0][0]
        found = inputs[f"{side}_input_ids"][1, : inputs[f"{side}_attention_mask"][1].sum()]
        assert found.tolist() == [*bundle.tokenizer.prefix_ids, *words, *bundle.tokenizer.suffix_ids]


def test_bundles_without_sentences_and_controls_are_refused(tmp_path, tiny_bert):
    ids = load_bundle(write_tiny_bundle(tmp_path / "ids"))
    with pytest.raises(ClickPromptError, match="ids: the model reads no sentences, so there are no tokens to make"):
        token_inputs(ids, ROWS)
    control = write_language_bundle(tmp_path / "control", tiny_bert, PTabConfig(), permute_values=3)
    with pytest.raises(ClickPromptError, match="trained with permuted words"):
        token_inputs(load_bundle(control), ROWS)
