"""Sentences laid end to end, and padded as transformers reads them."""

import numpy as np
import torch

from clickprompt.batches import token_batch


def pack(sentences):
    """A batch of the given sentences (tensors or arrays of tokens)."""
    lengths = np.array([len(sentence) for sentence in sentences], np.int64)
    return token_batch(np.concatenate([np.zeros(0, np.int64), *map(np.asarray, sentences)]), lengths)


def apart(of_tokens, tokens):
    """Each sentence's part of something that stands along all tokens."""
    return of_tokens.split([length for count, length in tokens.runs for _ in range(count)])


def padded(tokens, pad_id=1):
    """ids and mask, (batch, length)."""
    ids = torch.nn.utils.rnn.pad_sequence(apart(tokens.ids, tokens), batch_first=True, padding_value=pad_id)
    mask = torch.nn.utils.rnn.pad_sequence(apart(torch.ones_like(tokens.ids), tokens), batch_first=True)
    return ids, mask
