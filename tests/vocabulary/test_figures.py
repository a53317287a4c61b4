"""One rounding everywhere: a number is right, what isn't zero isn't zero, and two that differ look different."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.report.format import count, fixed, percent, without_noise
from gigaplan.vocabulary.figures import NOISE, in_a_row, in_form, share_of

SIZES = st.floats(1e-8, 1e12) | st.floats(-1e12, -1e-8)
FORMS = st.sampled_from((".1f", ",.0f", ".2g", ".3g", ".1e", ".0%", ".2f"))


def read(text: str) -> float:
    number, _, letter = text.replace(",", "").partition(" ")
    value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    return value * {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(letter, 1.0)


@given(SIZES, FORMS)
def test_law_a_format_never_changes_a_number_by_more_than_three_digits_do(value: float, form: str) -> None:
    shown = read(in_form(value, form))
    assert math.isclose(shown, value, rel_tol=0.0051 if abs(value) > 1e-3 else 0.06, abs_tol=NOISE)
    assert shown != 0


@given(st.floats(1e-3, 1e12), st.floats(1.00001, 3.0), FORMS)
def test_law_numbers_that_differ_look_different_side_by_side(value: float, factor: float, form: str) -> None:
    pair = (value, value * factor)
    first, second = (in_form(v, form, pair) for v in pair)
    assert first != second or factor < 1.006, "three digits are all that a number of its own digits has"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.15, ".1f", "0.15"),
        (10.0, ".1f", "10.0"),
        (2.5, ",.0f", "2.5"),
        (5384.0, ".2g", "5,384"),
        (8.1e25, ".1e", "8.1e25"),
        (0.148, ".0%", "14.8%"),
        (math.nan, ".1f", "–"),
    ],
)
def test_formats_of_claims(value: float, form: str, text: str) -> None:
    assert in_form(value, form) == text


@given(st.floats(1e-8, 1.0) | st.floats(-1.0, -1e-8))
def test_law_no_share_or_price_that_is_not_zero_reads_as_zero(value: float) -> None:
    assert all(read(text) != 0 for text in (percent(value), fixed(value), share_of(value)))


def test_noise_is_zero_and_a_part_of_a_thing_is_not() -> None:
    assert without_noise([6.5e-8, 1.79e8]).tolist() == [0, 1.79e8]
    assert [percent(-1e-16), fixed(1e-16)] == ["0%", "0.00"]
    assert [count(v) for v in (0.0, 0.2, 68.8, 3.96e6)] == ["0", "<1", "69", "3.96 M"]


def test_names_with_commas_are_kept_apart_by_semicolons() -> None:
    assert in_a_row(["Abilene", "UAE"]) == "Abilene, UAE"
    assert in_a_row(["AMD, sites to be named", "UAE"]) == "AMD, sites to be named; UAE"
