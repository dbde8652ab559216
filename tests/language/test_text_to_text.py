"""T5 as a judge, against transformers' own forward pass and a NumPy one; its tokenizer; its JSON."""

import json

import numpy as np
import pytest
import torch
from packed import apart, pack, padded
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, T5ForConditionalGeneration

from clickprompt.contracts import Field, TableSchema
from clickprompt.language import (
    LanguageModelConfig,
    LanguageTokenizer,
    asking_tokenizer,
    build_text_to_text,
    load_language_model,
    load_text_to_text,
    text_to_text_json,
)
from clickprompt.settings import ClickPromptError
from clickprompt.testing.language_models import write_tiny_text_to_text_model
from clickprompt.text import TokenStore, lay_out, sentence_of

KINDS = ["t5", "flan"]
QUESTION = "Will the user like the item? Answer yes or no."
SCHEMA = TableSchema(fields=(Field(name="User ID"), Field(name="Movie title"), Field(name="Genre")))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("t5")
    return {kind: write_tiny_text_to_text_model(root / kind, flan=kind == "flan") for kind in KINDS}


@pytest.fixture
def load(folders):
    def load_kind(kind, **settings):
        return load_text_to_text(LanguageModelConfig(name=str(folders[kind]), **settings))

    return load_kind


@pytest.fixture
def sentences():
    generator = torch.Generator().manual_seed(0)
    return pack([torch.randint(3, 300, (length,), generator=generator) for length in (9, 9, 4, 17, 2, 17)])


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_transformers(kind, folders, load, sentences):
    model = load(kind)
    whole, said = T5ForConditionalGeneration.from_pretrained(folders[kind], output_loading_info=True)
    assert not said["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folders[kind])
    answers = [tokenizer(word).input_ids[0] for word in ("yes", "no")]
    assert [tokenizer.convert_ids_to_tokens(token) for token in answers] == ["▁yes", "▁no"]
    ids, mask = padded(sentences, pad_id=0)
    with torch.no_grad():
        logits = whole.eval()(ids, attention_mask=mask, decoder_input_ids=torch.zeros(len(ids), 1, dtype=torch.long))
        expected = logits.logits[:, 0, answers]
        torch.testing.assert_close(model(sentences), expected, rtol=1e-5, atol=1e-5)
    assert expected.std() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_formula(kind, load, sentences):
    model = load(kind).double()
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    expected = np.stack([numpy_scores(weights, ids.numpy(), model, kind) for ids in apart(sentences.ids, sentences)])
    # transformers normalizes in float32 whatever the model is.
    np.testing.assert_allclose(model(sentences).detach(), expected, rtol=1e-5, atol=1e-6)


def numpy_scores(weights, ids, model, kind):
    heads, width = model.config.num_heads, model.config.d_model

    def norm(x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * weights[f"{name}.weight"]

    def attend(x, seen, name, bias=0.0):
        q, k, v = (
            (source @ weights[f"{name}.{part}.weight"].T).reshape(len(source), heads, -1).transpose(1, 0, 2)
            for source, part in ((x, "q"), (seen, "k"), (seen, "v"))
        )
        scores = q @ k.transpose(0, 2, 1) + bias
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return (shares @ v).transpose(1, 0, 2).reshape(len(x), -1) @ weights[f"{name}.o.weight"].T

    def feed(x, name):
        if kind == "t5":
            return np.maximum(x @ weights[f"{name}.wi.weight"].T, 0) @ weights[f"{name}.wo.weight"].T
        gate, linear = (x @ weights[f"{name}.wi_{n}.weight"].T for n in (0, 1))
        gate = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        return (gate * linear) @ weights[f"{name}.wo.weight"].T

    def bias(length):  # all distances here are exact or within the first logarithmic buckets
        far = np.arange(length)[None] - np.arange(length)[:, None]
        large = 8 + (np.log(np.maximum(abs(far), 1) / 8) / np.log(128 / 8) * 8).astype(int)
        bucket = np.where(abs(far) < 8, abs(far), np.minimum(large, 15)) + 16 * (far > 0)
        table = weights["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        return table[bucket].transpose(2, 0, 1)

    x = weights["words.weight"][ids]
    for block in range(2):
        name = f"encoder.block.{block}.layer"
        normed = norm(x, f"{name}.0.layer_norm")
        x = x + attend(normed, normed, f"{name}.0.SelfAttention", bias(len(ids)))
        x = x + feed(norm(x, f"{name}.1.layer_norm"), f"{name}.1.DenseReluDense")
    read = norm(x, "encoder.final_layer_norm")
    y = weights["words.weight"][[0]]
    for block in range(2):
        name = f"decoder.block.{block}.layer"
        normed = norm(y, f"{name}.0.layer_norm")
        y = y + attend(normed, normed, f"{name}.0.SelfAttention")  # of one token: no bias tells
        y = y + attend(norm(y, f"{name}.1.layer_norm"), read, f"{name}.1.EncDecAttention")
        y = y + feed(norm(y, f"{name}.2.layer_norm"), f"{name}.2.DenseReluDense")
    h = norm(y, "decoder.final_layer_norm")[0]
    rows = weights["words.weight"][list(model.answers)] if kind == "t5" else weights["answer_rows"]
    return rows @ h * (width**-0.5 if kind == "t5" else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_change_no_score(kind, load, sentences):
    model = load(kind)
    with torch.no_grad():
        together = model(sentences)
        alone = torch.cat([model(pack([ids])) for ids in apart(sentences.ids, sentences)])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
    assert model(pack([])).shape == (0, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_rebuilt_from_json_and_weights(kind, load, sentences, tmp_path):
    model = load(kind)
    said = json.dumps(text_to_text_json(model))
    assert str(tmp_path.parent.parent) not in said
    save_file(model.state_dict(), tmp_path / "weights.safetensors")  # refuses a weight with two names
    before = torch.get_rng_state()
    other = build_text_to_text(json.loads(said))
    assert torch.equal(before, torch.get_rng_state())
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        assert torch.equal(other(sentences), model(sentences))


def test_checkpointing_changes_no_gradient(load, sentences):
    plain, frugal = load("t5", dropout=0.0).train(), load("t5", dropout=0.0, activation_checkpointing=True).train()
    for model in (plain, frugal):
        model(sentences).square().sum().backward()
    for (name, one), (_, other) in zip(plain.named_parameters(), frugal.named_parameters(), strict=True):
        assert torch.equal(one.grad, other.grad), name
        # Attention among one decoder token has nothing to choose from.
        silent = name.startswith("decoder") and ("SelfAttention.q" in name or "SelfAttention.k" in name)
        assert bool(one.grad.abs().sum() > 0) != (silent or ("decoder.block.0" in name and "relative" in name)), name


def test_dropout_is_the_settings(load, sentences):
    torch.manual_seed(0)
    still = load("t5", dropout=0.0).train()
    assert torch.equal(still(sentences), still(sentences))
    shaky = load("t5", dropout=0.3).train()
    assert not torch.equal(shaky(sentences), shaky(sentences))
    shaky.eval()
    torch.testing.assert_close(shaky(sentences), still(sentences))


def test_layers_are_the_first_of_both_parts(load, sentences):
    short, whole = load("t5", layers=1), load("t5")
    assert [len(part.block) for part in (short.encoder, short.decoder)] == [1, 1]
    for part in (whole.encoder, whole.decoder):
        del part.block[1]
    assert torch.equal(short(sentences), whole(sentences))
    with pytest.raises(ClickPromptError, match="layers is 3, but the model's encoder has 2"):
        load("t5", layers=3)


def test_other_models_are_refused(tiny_bert, folders, tmp_path):
    with pytest.raises(ClickPromptError, match="bert models answer no questions"):
        asking_tokenizer(str(tiny_bert), None, QUESTION)
    with pytest.raises(ClickPromptError, match="bert models answer no questions"):
        load_text_to_text(LanguageModelConfig(name=str(tiny_bert)))
    with pytest.raises(ClickPromptError, match="has a decoder"):
        load_language_model(LanguageModelConfig(name=str(folders["t5"])))
    with pytest.raises(ClickPromptError, match="no mask token"):
        LanguageTokenizer.from_folder_or_name(str(folders["t5"]))


def test_lost_weights_are_named(folders, tmp_path):
    for file in folders["t5"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["decoder.block.1.layer.1.EncDecAttention.k.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ClickPromptError, match=r"lack decoder.block.1.layer.1.EncDecAttention.k.weight"):
        load_text_to_text(LanguageModelConfig(name=str(tmp_path)))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ClickPromptError, match=r"no model.safetensors"):
        load_text_to_text(LanguageModelConfig(name=str(tmp_path)))


def test_sentences_end_in_the_question_as_transformers_reads_them(folders):
    ours, theirs = asking_tokenizer(str(folders["t5"]), None, QUESTION), AutoTokenizer.from_pretrained(folders["t5"])
    values = ["17", "the lantern: is lost (1994)", "Élodie's  garden", "", "千 </s> yes", "... and"]
    store = TokenStore.from_texts(values * 3, np.repeat(np.arange(3), 6), SCHEMA, ours, 32)
    rows = np.array([[n, 6 + n, 12 + (n + 1) % 6] for n in range(6)])
    ids, lengths = lay_out(store, rows, ours, 256)
    for row, sentence in zip(rows, np.split(ids, np.cumsum(lengths)[:-1]), strict=True):
        text = f"{sentence_of([values[n % 6] for n in row], SCHEMA)} {QUESTION}"
        # A title may say "</s>"; only our reading takes it for a word.
        assert theirs.decode(sentence).count("</s>") == 1
        if "</s>" not in text:
            assert sentence.tolist() == theirs(text).input_ids
    first, last = store.value_spans[7]
    span = store.tokens[store.offsets[7] :][first:last]
    assert ours.decode(span).strip() == "the lantern: is lost (1994)"


def test_the_tokenizer_is_its_question_too(folders, tmp_path):
    one, other = (asking_tokenizer(str(folders["t5"]), None, asked) for asked in (QUESTION, "yes or no?"))
    assert one.fingerprint != other.fingerprint
    one.save(tmp_path)
    again = LanguageTokenizer.load(tmp_path)
    assert (again.fingerprint, again.suffix_ids) == (one.fingerprint, one.suffix_ids)
    with pytest.raises(ValueError, match="no mask token"):
        _ = again.mask_id
