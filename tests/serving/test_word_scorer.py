"""Scoring of a model that reads words; what it shares with scoring by ids is in test_id_scorer.py."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clickprompt.bundle import Predictor, load_bundle, save_bundle
from clickprompt.ctr import build_ctr_model
from clickprompt.ctr.dcn_v2 import DCNv2Config
from clickprompt.language import LanguageModelConfig, LanguageTokenizer, load_language_model
from clickprompt.methods import build_method
from clickprompt.methods.clickprompt import ClickPromptConfig
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.graph_cache import GraphCache
from clickprompt.serving.loading import load_version
from clickprompt.serving.version_folders import VersionFolder
from clickprompt.serving.word_scorer import LONGEST_TEXT, WordScorer

ROWS = [
    {
        "user": "u3",
        "watched": ["film 1, the"],
        "item": "i2",
        "title": "a kettle that nobody has seen",
        "tags": "new|cheap",
    },
    {"user": "u3", "watched": [], "item": "i2", "title": "old lamp 2", "price": 12.5},
    {"title": "", "tags": "?"},
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, shop_bundle, tiny_bert):
    vocabulary = load_bundle(shop_bundle).vocabulary
    ctr = DCNv2Config(embedding_dim=4, embedding_std=0.5, cross_layers=1, hidden_sizes=(8,))
    language, of = LanguageModelConfig(name=str(tiny_bert), max_length=64), vocabulary.statistics
    torch.manual_seed(0)
    method = build_method(
        ClickPromptConfig(),
        SimpleNamespace(
            ctr=lambda: build_ctr_model(ctr, of.num_fields, of.num_embeddings, of.pooling),
            encoder=lambda: load_language_model(language).encoder,
            language=language,
            statistics=of,
        ),
    )
    folder = tmp_path_factory.mktemp("words") / "bundle"
    save_bundle(
        folder,
        method.eval(),
        method_config=ClickPromptConfig(),
        ctr_config=ctr,
        vocabulary=vocabulary,
        language_config=language,
        tokenizer=LanguageTokenizer.from_folder_or_name(str(tiny_bert)),
    )
    return folder


@pytest.fixture(scope="module")
def scorer(bundle) -> WordScorer:
    return WordScorer(bundle, "float32")


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor.load(bundle)


def scored(scorer, rows):
    (answer,) = scorer.score([scorer.encode_rows(rows, {})])
    return answer.probability


def test_words_count_together_and_in_parts(scorer, predictor):
    expected = predictor.predict(ROWS)
    assert abs(expected[0] - predictor.predict([{**ROWS[0], "title": "a spoon that nobody has seen"}])[0]) > 1e-6
    whole, last = scorer.encode_rows(ROWS, {}), scorer.encode_rows(ROWS[2:], {})
    answers = scorer.score([last, whole.part(1, 3), whole.part(0, 1)])
    found = [answer.probability.tolist() for answer in answers]
    np.testing.assert_allclose(found[0], expected[2:], atol=1e-6)
    np.testing.assert_allclose(found[1], expected[1:], atol=1e-6)
    np.testing.assert_allclose(found[2], expected[:1], atol=1e-6)
    assert whole.part(1, 2).encoded.texts[5] == ["old lamp 2"]


def test_a_text_of_megabytes_scores_as_ever_and_is_not_cut_into_tokens_whole(scorer, predictor):
    rows = [{"item": "i2", "title": "old lamp 2 " * 2_000}]
    assert len(rows[0]["title"]) > LONGEST_TEXT
    np.testing.assert_allclose(scored(scorer, rows), predictor.predict(rows), atol=1e-6)
    held = scorer.encode_rows([{**rows[0], "user": "u" * 5_000_000}], {}).encoded.texts
    assert max(len(text) for texts in held for text in texts) == LONGEST_TEXT


def test_explaining_takes_the_words_away_too(scorer, predictor):
    probability, without = scorer.explain(ROWS[0])
    hidden = predictor.bundle.vocabulary.encode({name: [ROWS[0].get(name)] for name in scorer.schema.names})
    place = scorer.schema.names.index("title")
    assert hidden.texts[place] == ["a kettle that nobody has seen"]
    assert hidden.feature_ids[0, place] == predictor.bundle.vocabulary.statistics.offsets[-1] + place
    hidden.texts[place][0] = "unknown"
    np.testing.assert_allclose(without["title"], predictor.score_encoded(hidden).probability[0], atol=1e-6)
    np.testing.assert_allclose(probability, predictor.predict(ROWS[:1])[0], atol=1e-6)
    assert abs(without["title"] - probability) > 1e-6
    assert abs(without["tags"] - probability) > 1e-6


def test_a_version_that_reads_words_is_loaded_beside_a_copy_of_its_vocabulary(bundle, scorer, tmp_path):
    cache = GraphCache(tmp_path)
    model = load_version(VersionFolder("m", "4", bundle), ServingConfig(precision="float32"), cache)
    assert (model.name, model.version, model.bundle) == ("m", "4", bundle)
    np.testing.assert_array_equal(scored(model.scorer, ROWS), scored(scorer, ROWS))
    kept = {file.name for file in cache.place(bundle).iterdir()}
    assert {"vocabulary.arrow", "vocabulary.json"} <= kept
    assert not {"model.onnx", "weights.safetensors", "language_model"} & kept
