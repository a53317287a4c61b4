from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.demand.adoption import CURVES, gompertz_1825, verhulst_1838, weekly_users
from gigaplan.demand.inputs import Adoption
from gigaplan.vocabulary.time import DAYS_PER_YEAR

ADOPTION = Adoption(
    ceiling_users=2.6e9, reference_users=6e8, reference_date=dt.date(2025, 7, 1), rate_per_year=0.5, curve="gompertz"
)
YEARS = np.linspace(-5, 40, 400)


def test_gompertz_by_hand() -> None:
    # K = 100, U0 = 100/e, so ln(K/U0) = 1: after ln 2 / c years the gap ln(K/U) has halved
    users = gompertz_1825(np.array([0.0, math.log(2)]), np.array(100.0), np.array(100 / math.e), np.array(1.0))
    assert users == pytest.approx([100 / math.e, 100 * math.exp(-0.5)])


def test_logistic_by_hand() -> None:
    # K = 100, U0 = 20: odds 1 to 4; after ln 4 / c years even
    users = verhulst_1838(np.array([0.0, math.log(4)]), np.array(100.0), np.array(20.0), np.array(1.0))
    assert users == pytest.approx([20.0, 50.0])


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_steepest_where_the_handbook_says(curve: str) -> None:
    years = np.linspace(-10, 20, 30_001)
    users = weekly_users(replace(ADOPTION, curve=curve), years)[0]
    steepest = users[np.argmax(np.gradient(users, years))] / ADOPTION.ceiling_users
    assert steepest == pytest.approx({"gompertz": 1 / math.e, "logistic": 1 / 2}[curve], rel=1e-3)


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_limits(curve: str) -> None:
    users = weekly_users(replace(ADOPTION, curve=curve), np.array([-1e3, 0.0, 1e3]))
    assert users[0] == pytest.approx([0.0, 6e8, 2.6e9])


@given(st.sampled_from(sorted(CURVES)), st.floats(1e6, 9e9), st.floats(0.001, 1.0), st.floats(0.01, 5.0))
def test_law_users_rise_and_stay_below_the_ceiling(curve: str, ceiling: float, part: float, rate: float) -> None:
    adoption = replace(ADOPTION, curve=curve, ceiling_users=ceiling, reference_users=ceiling * part, rate_per_year=rate)
    users = weekly_users(adoption, YEARS)[0]
    assert (np.diff(users) >= -1e-6 * ceiling).all()
    assert (users >= 0).all()
    assert (users <= ceiling * (1 + 1e-12)).all()


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_a_vector_of_members_is_each_member_alone(curve: str) -> None:
    rates = np.array([0.3, 0.5, 1.2])
    users = weekly_users(replace(ADOPTION, curve=curve, rate_per_year=rates), YEARS)
    alone = [weekly_users(replace(ADOPTION, curve=curve, rate_per_year=float(r)), YEARS)[0] for r in rates]
    np.testing.assert_array_equal(users, np.stack(alone))


def test_reference_above_ceiling_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lies above ceiling_users.*raise the ceiling"):
        weekly_users(replace(ADOPTION, ceiling_users=np.array([2.6e9, 5e8])), YEARS)


def test_unknown_curve_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"'bass'.*gompertz, logistic"):
        weekly_users(replace(ADOPTION, curve="bass"), YEARS)  # type: ignore[arg-type]


POINTS = ((dt.date(2024, 1, 1), 1e8), (dt.date(2024, 7, 1), 3e8), (dt.date(2025, 1, 1), 4e8))
KNOWN = replace(ADOPTION, points=POINTS, reference_users=4e8, reference_date=POINTS[-1][0])
AT = np.array([(day - POINTS[-1][0]).days / DAYS_PER_YEAR for day, _ in POINTS])


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_users_go_through_what_was_published(curve: str) -> None:
    known = replace(KNOWN, curve=curve, stray=np.array([0.0, 0.7, -0.7]))
    assert weekly_users(known, AT) == pytest.approx(np.tile([1e8, 3e8, 4e8], (3, 1)))
    half = weekly_users(known, (AT[:1] + AT[1:2]) / 2)
    assert half == pytest.approx(math.sqrt(1e8 * 3e8)), "the logarithm is linear in between"


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_the_curve_goes_on_from_the_last_point(curve: str) -> None:
    known = replace(KNOWN, curve=curve)
    plain = replace(known, points=())
    after = np.linspace(0.01, 30, 50)
    np.testing.assert_allclose(weekly_users(known, after), weekly_users(plain, after), rtol=1e-9)


@given(st.floats(-3, 3), st.sampled_from(sorted(CURVES)), st.floats(1e8, 2.6e9))
def test_law_straying_grows_from_nothing_and_never_passes_the_ceiling(stray: float, curve: str, last: float) -> None:
    known = replace(KNOWN, curve=curve, reference_users=last, points=(*POINTS[:-1], (POINTS[-1][0], last)))
    after = np.concatenate([[1e-9], np.linspace(0.1, 40, 100)])
    off = weekly_users(replace(known, stray=stray), after)[0]
    on = weekly_users(known, after)[0]
    assert off[0] == pytest.approx(on[0], rel=1e-3)
    assert (off <= known.ceiling_users * (1 + 1e-12)).all()
    assert ((off - on) * stray >= -1e-3 * on).all()
    assert np.isfinite(off).all()
