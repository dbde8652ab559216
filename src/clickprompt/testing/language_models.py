"""Tiny random checkpoints of every served family, with tokenizers of their own kind, for tests without a network."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from clickprompt.language import new_text_to_text_model
from clickprompt.language.quiet import quiet_transformers

Family = Literal["bert", "roberta", "electra", "modernbert", "distilbert", "xlm-roberta"]
FAMILIES: tuple[Family, ...] = ("bert", "roberta", "electra", "modernbert", "distilbert", "xlm-roberta")

_BERT_LIKE = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_ROBERTA_LIKE = {
    "cls_token": "<s>",
    "pad_token": "<pad>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
_POSITIONS = 160


def write_tiny_language_model(
    folder: Path,
    family: Family = "bert",
    layers: int = 2,
    width: int = 32,
    heads: int = 2,
    seed: int = 0,
    *,
    masked_token_head: bool = True,
    window: int = 8,
) -> Path:
    """Write a random checkpoint that loads as a real one does, and return its folder.

    `masked_token_head=False` leaves the head out, as sentence-transformers' checkpoints do. `window` is the whole width
    of ModernBERT's local attention.
    """
    tokenizer = _tokenizer(family)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _model(family, tokenizer, layers, width, heads, window)
        # Fresh weights are near zero and biases are zero: spread them, so that a forgotten one shows.
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, mean=float(name.endswith("orm.weight")), std=0.15)
    with quiet_transformers():
        (model if masked_token_head else model.base_model).save_pretrained(folder)
    return folder


def write_tiny_text_to_text_model(
    folder: Path, layers: int = 2, width: int = 32, heads: int = 2, seed: int = 0, *, flan: bool = False
) -> Path:
    """Write a random T5 that loads as a real one does, and return its folder.

    `flan` makes it as Flan-T5 and T5 1.1 are: gated feed-forward, an output matrix of its own, unscaled scores.
    """
    new_text_to_text_model(folder, _sentences(), width=width, layers=layers, heads=heads, vocab_size=500)
    shape: dict[str, Any] = T5Config.from_pretrained(folder).to_dict()
    if flan:
        for made_of_others in ("scale_decoder_outputs", "dense_act_fn", "is_gated_act"):
            del shape[made_of_others]
        shape |= {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    config = T5Config(**shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = T5ForConditionalGeneration(config)
        if flan:
            model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, mean=float(name.endswith("norm.weight")), std=0.15)
    with quiet_transformers():
        model.save_pretrained(folder)
    if flan:
        # transformers writes all T5 configurations as tied; those of real checkpoints say what they are.
        written = json.loads((folder / "config.json").read_text())
        del written["scale_decoder_outputs"]
        (folder / "config.json").write_text(json.dumps(written | {"tie_word_embeddings": False}))
    return folder


def _model(family: Family, tokenizer: PreTrainedTokenizerFast, layers: int, width: int, heads: int, window: int) -> Any:
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": _POSITIONS,
        "pad_token_id": tokenizer.pad_token_id,
    }
    ends = {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    if family == "bert":
        return BertForMaskedLM(BertConfig(**shape))
    if family == "roberta":
        return RobertaForMaskedLM(RobertaConfig(**shape, **ends, type_vocab_size=1, layer_norm_eps=1e-5))
    if family == "xlm-roberta":
        return XLMRobertaForMaskedLM(XLMRobertaConfig(**shape, **ends, type_vocab_size=1, layer_norm_eps=1e-5))
    if family == "electra":
        return ElectraForMaskedLM(ElectraConfig(**shape, embedding_size=width // 2))
    if family == "distilbert":
        del shape["hidden_size"], shape["intermediate_size"], shape["num_hidden_layers"], shape["num_attention_heads"]
        return DistilBertForMaskedLM(
            DistilBertConfig(**shape, dim=width, hidden_dim=2 * width, n_layers=layers, n_heads=heads)
        )
    special = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    return ModernBertForMaskedLM(
        ModernBertConfig(**shape, **ends, **special, local_attention=window, attention_dropout=0.1, mlp_dropout=0.1)
    )


def _tokenizer(family: Family) -> PreTrainedTokenizerFast:
    if family in ("bert", "electra", "distilbert"):
        return _word_pieces()
    return _unigrams() if family == "xlm-roberta" else _byte_pairs()


def _word_pieces() -> PreTrainedTokenizerFast:
    pre_tokenizer, lower = pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer(lowercase=True)
    words = Counter(
        word for line in _sentences() for word, _ in pre_tokenizer.pre_tokenize_str(lower.normalize_str(line))
    )
    pieces = [*_BERT_LIKE.values(), *(piece for piece, _ in _frequent_pieces(words, 395, inside="##"))]
    inner = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer, inner.pre_tokenizer, inner.decoder = lower, pre_tokenizer, decoders.WordPiece()
    return _finish(inner, _BERT_LIKE, "[CLS]", "[SEP]")


def _byte_pairs() -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.train_from_iterator(
        _sentences(),
        trainers.BpeTrainer(
            vocab_size=500,
            special_tokens=list(_ROBERTA_LIKE.values()),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return _finish(inner, _ROBERTA_LIKE, "<s>", "</s>")


def _unigrams() -> PreTrainedTokenizerFast:
    pre_tokenizer = pre_tokenizers.Metaspace()
    words = Counter(word for line in _sentences() for word, _ in pre_tokenizer.pre_tokenize_str(line))
    special = list(_ROBERTA_LIKE.values())
    scored = [(piece, math.log(count) - 12) for piece, count in _frequent_pieces(words, 395)]
    inner = Tokenizer(models.Unigram([*((token, 0.0) for token in special), *scored], unk_id=special.index("<unk>")))
    inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    inner.pre_tokenizer, inner.decoder = pre_tokenizer, decoders.Metaspace()
    return _finish(inner, _ROBERTA_LIKE, "<s>", "</s>")


def _frequent_pieces(words: Counter[str], limit: int, inside: str = "") -> list[tuple[str, int]]:
    """All letters, then the parts of words that cover most text; `inside` marks parts that begin no word.

    Counted here and not by the tokenizers' own trainers, whose vocabularies differ from run to run.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for start, stop in itertools.combinations(range(len(word) + 1), 2):
            counts[(inside if start else "") + word[start:stop]] += count * (stop - start)
    letters = sorted(piece for piece in counts if len(piece.removeprefix(inside)) == 1)
    longer = sorted(counts.keys() - set(letters), key=lambda piece: (-counts[piece], piece))
    return [(piece, counts[piece]) for piece in (letters + longer)[:limit]]


def _finish(inner: Tokenizer, special: dict[str, str], first: str, last: str) -> PreTrainedTokenizerFast:
    ids = [(token, inner.token_to_id(token)) for token in (first, last)]
    inner.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=inner, **special)


def _sentences() -> list[str]:
    people = ("Ann", "Boris", "Chloé", "Dmitri", "Élodie", "Farid")
    things = ("lantern", "river", "winter", "garden", "machine", "promise", "island")
    turns = ("returns", "is lost", "was here", "never sleeps", "in 1994", "and the 21st century")
    return [
        f"User ID is {17 * n % 943}. Gender is {'FM'[n % 2]}. Age is {18 + n % 50}. Title is {who}'s {what} {turn}."
        for n, (who, what, turn) in enumerate(itertools.product(people, things, turns))
    ]
