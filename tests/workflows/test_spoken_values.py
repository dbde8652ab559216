"""Only what rows can hold is tokenized: names of hashes, buckets and items are read by nobody."""

from __future__ import annotations

import numpy as np
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists
from clickprompt.workflows import RunFolder, SilentProgress, parse_recipe, prepare, run


def test_names_of_hashes_buckets_and_items_have_no_tokens(tiny_recipe, tmp_path):
    write_tiny_lists(tmp_path)
    data_config = tiny_lists_config(tmp_path)
    data_config["source"]["fields"][0]["hash_rows"] = 20_000
    data = prepare(parse_recipe({**tiny_recipe, "data": data_config}), tmp_path / "prepared", SilentProgress())
    store, table = data.sentences.store, data.table
    owned = int(table.statistics.offsets[-1])
    assert len(store) == len(table.embedding_rows) > owned > 20_000
    np.testing.assert_array_equal(store.lengths > 0, np.arange(len(store)) >= owned)  # every field borrows
    assert not store.value_spans[:owned].any()
    assert len(store.tokens) == store.lengths.sum()
    # and a value that rows hold reads as ever
    texts, fields = table.value_texts
    for value in (owned, len(store) - 1):
        field = table.schema.fields[fields[value]].name
        (piece,) = data.tokenizer.encode([("" if fields[value] == 0 else " ") + f"{field} is {texts[value].as_py()}."])
        assert store.tokens[store.offsets[value] : store.offsets[value + 1]].tolist() == list(piece[0])


def test_the_masked_field_control_wants_a_field_that_is_no_list(tiny_recipe, tmp_path):
    write_tiny_lists(tmp_path)
    data_config = tiny_lists_config(tmp_path)
    hashed, *lists = data_config["source"]["fields"]
    settings = {**tiny_recipe, "language_model": None, "method": {"kind": "masked-field"}, "models": ["masked-field"]}
    settings.pop("finetune_with_language_model")
    for fields, wrong in ((lists, True), ([hashed, *lists], False)):
        data_config["source"]["fields"] = fields
        folder = RunFolder(tmp_path / f"run {wrong}")
        recipe = parse_recipe({**settings, "data": data_config})
        if wrong:
            with pytest.raises(ClickPromptError, match=r"method\.kind masked-field: no field can be masked"):
                run(recipe, folder, SilentProgress())
            assert not folder.step("pretrained").exists()
        else:
            run(recipe, folder, SilentProgress())
