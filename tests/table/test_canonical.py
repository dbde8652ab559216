"""The text of a value, against the rules written out by hand."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

from clickprompt.contracts import MISSING
from clickprompt.table.canonical import canonical_number, canonical_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (3.0, "3"),
        (-0.0, "0"),
        (np.int16(7), "7"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        (np.float64(0.1), "0.1"),
        (np.float32(16777216.0), "16777216"),
        (1e-7, "1e-07"),
        (1e300, "1e+300"),
        (2**63, "9223372036854775808"),
        (True, "true"),
        (np.False_, "false"),
        (None, MISSING),
        (float("nan"), MISSING),
        (np.float32("nan"), MISSING),
        ("", MISSING),
        (" \t ", MISSING),
        ("  Oslo ", "Oslo"),
        ("01234", "01234"),
        ("3.0", "3.0"),
        ("Cafe\u0301", "Caf\u00e9"),
        (["a ", 1, 2.0], "a, 1, 2"),
        (("a", None, "b"), "a, b"),
        ([], MISSING),
        (np.array(["x", "y"]), "x, y"),
        (np.array([0.1, 2], dtype=np.float32), "0.1, 2"),
        (np.array(0.1, dtype=np.float32), "0.1"),
        (np.array(["2024-05-01"], dtype="datetime64[D]"), "2024-05-01"),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (dt.datetime(2024, 5, 1, 12, 30), "2024-05-01T12:30:00"),
        (np.datetime64("2024-05-01T12:30:00"), "2024-05-01T12:30:00"),
        (Decimal("3.00"), "3"),
        (Decimal("3.10"), "3.1"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf\\xe9"),
        ("half \ud83d", "half \\ud83d"),
        (10**400, "1" + "0" * 400),
    ],
)
def test_text_of_a_value(value, text):
    assert canonical_text(value) == text


def test_floats_read_back_the_same():
    numbers = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250)
    assert all(float(canonical_text(number)) == number for number in numbers)
    single = numbers[230:270].astype(np.float32)
    assert all(np.float32(canonical_text(number)) == number for number in single)


@pytest.mark.parametrize("function", [canonical_text, canonical_number])
def test_whole_numbers_may_be_long_but_not_endless(function):
    assert function(10**4_000) == "1" + "0" * 4_000
    with pytest.raises(ValueError, match="expected a whole number of at most 4,300 digits"):
        function(10**5_000)


@pytest.mark.parametrize("value", [{"a": 1}, object()])
def test_values_without_a_text_are_refused(value):
    with pytest.raises(ValueError, match="expected a text"):
        canonical_text(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3.0", "3"),
        (" 007 ", "7"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("-2.50", "-2.5"),
        (np.float32(0.1), "0.1"),
        (3, "3"),
    ],
)
def test_numbers_are_one_value_however_written(value, text):
    assert canonical_number(value) == text


@pytest.mark.parametrize("value", ["", "NA", "n/a", "NaN", "null", "None", "unknown", None, float("nan")])
def test_missing_numbers(value):
    assert canonical_number(value) == MISSING


@pytest.mark.parametrize("value", ["cheap", "1_000", "1,5", "inf", float("inf"), "0x10", "٣", dt.date(2024, 1, 1), [1]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="expected a"):
        canonical_number(value)
