"""Words of a table: values become token spans once, spans become sentences, sentences get their masks."""

from clickprompt.text.layout import lay_out, places, sentence_lengths, value_fields
from clickprompt.text.masking import at_least_one, mask_tokens, mask_values
from clickprompt.text.random import uniforms, uniforms_at
from clickprompt.text.sentence import pieces_of, sentence_of
from clickprompt.text.token_store import TokenStore, build_token_store, token_store_key

__all__ = [
    "TokenStore",
    "at_least_one",
    "build_token_store",
    "lay_out",
    "mask_tokens",
    "mask_values",
    "pieces_of",
    "places",
    "sentence_lengths",
    "sentence_of",
    "token_store_key",
    "uniforms",
    "uniforms_at",
    "value_fields",
]
