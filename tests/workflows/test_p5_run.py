from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clickprompt.bundle import Predictor, load_bundle
from clickprompt.cli import app
from clickprompt.language import new_text_to_text_model
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import write_tiny_text_to_text_model
from clickprompt.testing.tables import tiny_data_config
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run, show

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, tiny_clicks):
    return {
        "data": tiny_data_config(tiny_clicks),
        "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        "language_model": {"name": str(write_tiny_text_to_text_model(tmp_path_factory.mktemp("t5"))), "layers": 1},
        "method": {"kind": "p5"},
        "finetune": {"max_steps": 2},
        "finetune_with_language_model": {
            "max_steps": 4,
            "batch_size": 32,
            "evaluations_per_epoch": 1,
            "calibration": "platt",
        },
        "seed": 1,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, recipe):
    folder = RunFolder(tmp_path_factory.mktemp("p5"))
    return folder, run(parse_recipe(recipe), folder, SilentProgress())


def test_a_run_trains_the_plain_model_and_p5(finished):
    folder, records = finished
    assert [record["model"] for record in records] == ["id-only", "p5"]
    assert records[1]["pretrain_seconds"] == 0
    assert not folder.step("pretrained").exists()


def test_the_bundle_scores_raw_rows_as_the_run_did(finished, tiny_clicks):
    folder, _ = finished
    bundle = folder.bundle("p5")
    assert json.loads((bundle / "bundle.json").read_text())["ctr_model"] is None
    assert "ID model        none\n" in show(bundle)
    assert len(load_bundle(bundle).method.language.decoder.block) == 1
    frame = pl.read_csv(tiny_clicks / "clicks.csv", infer_schema=False).tail(60)
    logits = np.load(folder.step("evaluate-p5") / "calibrated_logits.npy")
    predictor = Predictor.load(bundle)
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(predictor.predict(frame), expected, rtol=2e-5)
    np.testing.assert_allclose(predictor.predict(frame.reverse().head(7)), expected[::-1][:7], rtol=2e-5)
    with pytest.raises(ClickPromptError, match="T5 has no int8 form"):
        Predictor.load(bundle, precision="int8")


def test_another_question_is_another_run(finished, recipe, tmp_path):
    folder, _ = finished
    asked = parse_recipe({**recipe, "method": {"kind": "p5", "question": "Is it a click? yes or no?"}})
    one, other = (prepare(each, folder.prepared, SilentProgress()) for each in (parse_recipe(recipe), asked))
    assert one.table.fingerprint == other.table.fingerprint
    assert one.fingerprint != other.fingerprint
    words = {data.tokenizer.decode(data.tokenizer.suffix_ids) for data in (one, other)}
    assert words == {"Will the user like the item? Answer yes or no.</s>", "Is it a click? yes or no?</s>"}
    lengths = [data.sentences.lay_out(data.table.split("train").value_ids[:1])[1][0] for data in (one, other)]
    assert lengths[0] - lengths[1] == len(one.tokenizer.suffix_ids) - len(other.tokenizer.suffix_ids)


@pytest.mark.parametrize(
    ("section", "settings", "message"),
    [
        ("language_model", {"tuning": "frozen"}, "tuning is frozen, but p5 has nothing else to train"),
        ("language_model", {"tuning": "lora"}, "tuning is lora, which p5 does not know"),
        ("language_model", {"compile": True}, "compile is for encoders"),
        ("finetune_with_language_model", {"language_learning_rate": 0}, "p5 has nothing else to train"),
        ("method", {"question": " "}, "question"),
    ],
)
def test_what_p5_cannot_do_is_refused(recipe, section, settings, message):
    with pytest.raises(ClickPromptError, match=message):
        parse_recipe({**recipe, section: {**recipe[section], **settings}})


def test_an_encoder_is_refused_before_anything_is_trained(recipe, tiny_bert, tmp_path):
    wrong = parse_recipe({**recipe, "language_model": {"name": str(tiny_bert)}})
    with pytest.raises(ClickPromptError, match="bert models answer no questions"):
        run(wrong, RunFolder(tmp_path), SilentProgress())
    assert not RunFolder(tmp_path).bundle("id-only").exists()


def test_the_guides_way_to_a_new_t5(finished, tmp_path, monkeypatch):
    (snippet,) = (block for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL) if "T5" in block)
    folder, _ = finished
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(folder.path)
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "docs", "exec", dont_inherit=True), {})
    made = json.loads((tmp_path / "my-t5" / "config.json").read_text())
    assert (made["d_model"], made["num_layers"], made["num_decoder_layers"]) == (128, 2, 2)


def test_a_new_t5_is_the_same_from_the_same_texts(tmp_path):
    texts = [f"Title is thing {n % 7} of {n}." for n in range(60)]
    sizes = {"width": 16, "layers": 1, "heads": 2, "vocab_size": 200}
    one, other, changed = (new_text_to_text_model(tmp_path / str(n), texts, seed=n // 2, **sizes) for n in range(3))
    for file in one.iterdir():
        assert file.read_bytes() == (other / file.name).read_bytes(), file.name
        assert (file.read_bytes() == (changed / file.name).read_bytes()) == (file.suffix != ".safetensors")
    with pytest.raises(ClickPromptError, match="holds something already"):
        new_text_to_text_model(one, texts)
    with pytest.raises(ClickPromptError, match="cannot be cut into 3 heads"):
        new_text_to_text_model(tmp_path / "new", texts, heads=3)
    with pytest.raises(ClickPromptError, match="needed words alone"):
        new_text_to_text_model(tmp_path / "new", texts, vocab_size=50)


def test_it_is_listed(capsys):
    app(["list", "methods"], standalone_mode=False)
    assert "text-to-text model (T5)" in capsys.readouterr().out
