"""How raw rows become what an exported model that reads words takes, told to other software."""

from __future__ import annotations

from typing import Any

from clickprompt.batches import side_columns
from clickprompt.bundle import Bundle
from clickprompt.contracts import MISSING, TableSchema
from clickprompt.export.ids_onnx import FEATURE_IDS
from clickprompt.export.language_module import LanguageModule
from clickprompt.table import score_text
from clickprompt.text.sentence import CLOSING, opening

_TEXT = (
    "integers without a point, floats in their shortest form, texts stripped and in Unicode's composed form (NFC), "
    'items of a list joined by ", ", missing values and empty texts as the word under `missing`'
)


def meaning(module: LanguageModule, schema: TableSchema) -> dict[str, str]:
    """What each input holds."""
    texts = {}
    for name, shape in module.inputs.items():
        if name == FEATURE_IDS:
            what = f"embedding rows of {', '.join(schema.names)}"
        elif name.startswith("items_"):
            what = f"embedding rows of {schema.names[int(name.removeprefix('items_'))]}, -1 behind the last"
        elif name.endswith("input_ids"):
            what = "tokens of the sentence, padded behind the last"
        else:
            what = "1 at tokens, 0 at padding"
        texts[name] = f"int64 ({', '.join(map(str, shape))}): {what}"
    return texts


def sentence_rules(bundle: Bundle) -> dict[str, Any]:
    """JSON-able: the sentences by the prefix of their inputs, each as its fields' pieces in order, and their lengths.

    A piece is opening + value + closing, tokenized without special tokens; a value longer than `max_value_tokens` loses
    its last tokens; a sentence longer than `max_length`, special tokens included, loses the last token of its longest
    value, the first among equals, until it fits. A piece with `always` has that value in every row.
    """
    schema, tokenizer, language = bundle.vocabulary.schema, bundle.tokenizer, bundle.language
    assert tokenizer is not None
    assert language is not None
    sides = {"": range(len(schema.fields))}
    if bundle.reads == "sides":
        user, item = side_columns(schema)
        sides = {"user_": user.tolist(), "item_": item.tolist()}
    return {
        "pieces": {prefix: [_piece(schema, place) for place in places] for prefix, places in sides.items()},
        "max_value_tokens": language.max_value_tokens,
        "max_length": language.max_length,
        "before": list(tokenizer.prefix_ids),
        "after": list(tokenizer.suffix_ids),
        "padding": tokenizer.pad_id,
        "missing": MISSING,
        "text_of_a_value": _TEXT,
    }


def _piece(schema: TableSchema, place: int) -> dict[str, str]:
    field = schema.fields[place]
    piece = {"field": field.name, "opening": opening(schema, place), "closing": CLOSING}
    return piece if field.score_as is None else {**piece, "always": score_text(field)}
