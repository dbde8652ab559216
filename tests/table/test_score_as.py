"""Values that scoring fixes: which index they get, and which are refused."""

from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from clickprompt.contracts import Field
from clickprompt.settings import ClickPromptError
from clickprompt.table import PreparedTable
from clickprompt.table.score_as import score_text


def fields(tiny):
    return {field["name"]: field for field in tiny["source"]["fields"]}


def test_nothing_is_fixed_unless_asked(tiny, prepare):
    assert prepare(tiny).scored_as == {}


@pytest.mark.parametrize("given", ["Lima", " Lima "])
def test_a_category_is_found_by_its_text(tiny, prepare, given):
    fields(tiny)["city"]["score_as"] = given
    table = prepare(tiny)
    (index,) = table.scored_as.values()
    assert list(table.scored_as) == [1]
    assert table.value_texts[0][index].as_py() == "Lima"
    assert table.value_texts[1][index] == 1
    assert PreparedTable.open(table.folder).scored_as == table.scored_as
    encoded = table.vocabulary().encode({"user": ["u1", "u2"], "city": ["Oslo", "Atlantis"]})
    assert encoded.feature_ids[:, 1].tolist() == [table.embedding_rows[index]] * 2
    assert encoded.unseen == {}
    assert encoded.missing_columns == ("item", "title", "price")


def test_any_number_will_do_and_leaves_all_else_alone(tiny, prepare):
    plain = prepare(tiny, "plain")
    texts = plain.value_texts[0].to_pylist()
    prices = {float(texts[v]): v for v in plain.split("train").value_ids[:, 4] if texts[v] != "unknown"}
    low, high = sorted(prices)[20:22]
    between = (low + high) / 2
    for number, bucket in ((low, prices[low]), (between, prices[high]), (1e12, prices[max(prices)])):
        fields(tiny)["price"]["score_as"] = number
        table = prepare(tiny, f"at {number}")
        index = table.scored_as[4]
        assert index >= table.statistics.offsets[-1]
        assert float(table.value_texts[0][index].as_py()) == number
        assert table.embedding_rows[index] == plain.embedding_rows[bucket]
        np.testing.assert_array_equal(table.statistics.counts, plain.statistics.counts)
        for split in ("train", "validation", "test"):
            shown = [
                np.array(t.value_texts[0].to_pylist(), dtype=object)[t.split(split).value_ids] for t in (table, plain)
            ]
            assert (shown[0] == shown[1]).all()


def test_hashed_texts_are_found_too(tiny, prepare):
    fields(tiny)["city"] |= {"hash_rows": 3, "score_as": "Lima"}
    table = prepare(tiny)
    index = table.scored_as[1]
    assert table.value_texts[0][index].as_py() == "Lima"
    assert table.embedding_rows[index] == table.vocabulary().encode({"user": ["u1"]}).feature_ids[0, 1]


@pytest.mark.parametrize(
    ("field", "value", "near"),
    [("city", "Oslow", "'Oslo'"), ("city", "zzz", "'Oslo', '"), ("user", "u7777", "'u")],
)
def test_a_value_that_training_does_not_hold_is_refused(tiny, prepare, field, value, near):
    fields(tiny)[field]["score_as"] = value
    with pytest.raises(
        ClickPromptError, match=f"field '{field}': score_as is '{value}', too rare in training rows .* such as {near}"
    ):
        prepare(tiny)


def test_a_text_of_no_training_row_is_refused_in_a_used_hash_too(tiny, prepare):
    fields(tiny)["city"] |= {"hash_rows": 1, "score_as": "Oslow"}
    message = "field 'city': score_as is 'Oslow', which no training row holds; .* such as 'Oslo'"
    with pytest.raises(ClickPromptError, match=message):
        prepare(tiny)


def test_a_rare_value_is_refused_and_near_numbers_named(tiny, prepare):
    fields(tiny)["price"] |= {"kind": "categorical", "score_as": 15}
    with pytest.raises(ClickPromptError, match="score_as is 15") as caught:
        prepare(tiny)
    near = [float(text.strip("'")) for text in str(caught.value).split("such as ")[1].split(", ")]
    assert len(near) == 3
    assert all(abs(number - 15) < 10 for number in near)
    fields(tiny)["city"]["score_as"] = "Pune"
    del fields(tiny)["price"]["score_as"]
    with pytest.raises(ClickPromptError, match=r"field 'city': score_as is 'Pune', too rare .* such as 'Oslo'"):
        prepare({**tiny, "min_count": 150})
    with pytest.raises(ClickPromptError, match="so is every other; lower min_count"):
        prepare({**tiny, "min_count": 500})


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="kind list; leave it out"):
        Field(name="tags", kind="list", score_as="red")
    with pytest.raises(ValueError, match="write a number"):
        Field(name="price", kind="numeric", score_as="cheap")
    with pytest.raises(ValueError, match="score_as of numeric field 'price' is True; write a number"):
        Field(name="price", kind="numeric", score_as=True)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [1], {"a": 1}, date(2024, 5, 1)])
def test_what_is_no_plain_value_is_refused_in_one_sentence(value):
    with pytest.raises(ValidationError) as caught:
        Field(name="city", score_as=value)
    (error,) = caught.value.errors()
    assert error["msg"] == "Value error, expected a text, a finite number, or true or false"
    assert error["loc"] == ("score_as",)


@pytest.mark.parametrize("value", [True, 1, 1.5, "1", "true"])
def test_a_value_keeps_its_type(value):
    field = Field(name="city", score_as=value)
    for kept in (field, Field.model_validate_json(field.model_dump_json())):
        assert (type(kept.score_as), kept.score_as) == (type(value), value)
    assert score_text(Field(name="seen", score_as=True)) == "true"
