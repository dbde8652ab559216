"""A small T5 that knows nothing yet, for where no weights can be had."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

from clickprompt.language.config import QUESTION
from clickprompt.language.quiet import quiet_transformers
from clickprompt.language.text_to_text_checkpoint import ANSWERS
from clickprompt.settings import ClickPromptError

_SPECIAL = ("<pad>", "</s>", "<unk>")
_SPACE = "▁"
_LETTERS = _SPACE + string.ascii_letters + string.digits + string.punctuation
"""What new values may hold, whether texts hold it or not."""


def new_text_to_text_model(
    folder: Path | str,
    texts: Iterable[str],
    *,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    vocab_size: int = 4000,
    seed: int = 0,
) -> Path:
    """Write a T5 with random weights and a tokenizer learned from `texts` into a folder, and return the folder.

    `layers` in the encoder and as many in the decoder, the feed-forward four times as wide as the states (`width`). The
    same texts, sizes and seed give the same files. Give sentences of training rows alone: a tokenizer learns from them.
    Raises ClickPromptError where the sizes do not fit together, or the folder holds something already.
    """
    folder = Path(folder)
    if width % heads:
        raise ClickPromptError(f"width {width} cannot be cut into {heads} heads; choose a multiple")
    if folder.exists() and any(folder.iterdir()):
        raise ClickPromptError(f"{folder}: holds something already; name a new folder")
    pieces = _pieces(texts, vocab_size)
    config = T5Config(
        vocab_size=len(pieces),
        d_model=width,
        d_kv=width // heads,
        d_ff=4 * width,
        num_layers=layers,
        num_heads=heads,
        decoder_start_token_id=0,
    )
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        T5ForConditionalGeneration(config).save_pretrained(folder)
        T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(folder)
    return folder


def _pieces(texts: Iterable[str], vocab_size: int) -> list[tuple[str, float]]:
    """Word pieces with their log probabilities, at most `vocab_size`: special tokens, words of the question and its
    answers, letters and signs, then what byte-pair encoding joins; probabilities follow Zipf's law.

    Pieces hold no punctuation beside letters, so that a value's tokens end where the value does. They are learned by
    byte-pair encoding since the trainer of unigram vocabularies makes other ones from run to run.
    """
    learner = Tokenizer(models.BPE())
    spaces = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), spaces, pre_tokenizers.Punctuation()]
    )
    needed = [*_SPECIAL, *(_SPACE + word for word in dict.fromkeys([*ANSWERS, *re.findall(r"\w+", QUESTION)]))]
    trainer = trainers.BpeTrainer(
        vocab_size=max(0, vocab_size - len(needed)), initial_alphabet=list(_LETTERS), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    learned = learner.get_vocab()
    pieces = list(dict.fromkeys([*needed, *sorted(learned, key=lambda piece: learned[piece])]))
    if len(pieces) > vocab_size:
        raise ClickPromptError(f"vocab_size is {vocab_size}, but letters and needed words alone are {len(pieces)}")
    harmonic = sum(1 / rank for rank in range(1, len(pieces) + 1))
    return [
        (piece, 0.0 if piece in _SPECIAL else -math.log(rank * harmonic)) for rank, piece in enumerate(pieces, start=1)
    ]
