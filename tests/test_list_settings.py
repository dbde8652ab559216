"""Settings of fields belong to their kinds."""

import pytest
from pydantic import ValidationError

from clickprompt.contracts import Field


def test_lists_have_defaults_and_survive_a_round_trip():
    assert Field(name="f", kind="list").pooling == "mean"
    assert Field(name="f", kind="list").keep is None
    assert Field(name="f", kind="list", max_items=3).keep == "last"
    assert Field(name="f").pooling is None
    for field in (
        Field(name="f", hash_rows=4),
        Field(name="f", kind="list", max_items=3, pooling="sum", separator=","),
    ):
        assert Field.model_validate(field.model_dump(mode="json")) == field


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "mean"}, "pooling is no setting of field 'f' of kind categorical; set kind: list"),
        ({"kind": "text", "max_items": 3}, "max_items is no setting of field 'f' of kind text; set kind: list"),
        ({"kind": "numeric", "separator": "|"}, "separator is no setting of field 'f' of kind numeric"),
        ({"kind": "numeric", "hash_rows": 9}, "hash_rows is no setting of field 'f', for numbers have buckets"),
        ({"kind": "list", "keep": "first"}, "keep of field 'f' cuts nothing without max_items"),
        ({"kind": "list", "hash_rows": 0}, "greater than 0"),
        ({"hash_rows": 2**31}, "hash_rows of field 'f' is 2,147,483,648; at most 2,147,483,647 fit"),
        ({"kind": "list", "separator": ""}, "at least 1 character"),
    ],
)
def test_settings_of_another_kind_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Field(name="f", **settings)


@pytest.mark.parametrize(
    ("settings", "borrows"),
    [({}, False), ({"hash_rows": 2}, True), ({"kind": "numeric"}, True), ({"kind": "list"}, True)],
)
def test_which_fields_borrow_rows(settings, borrows):
    assert Field(name="f", **settings).borrows == borrows
