from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.demand.adoption import CURVES
from gigaplan.demand.inputs import Adoption, DemandInputs, Shape, Workload
from gigaplan.demand.requests import asked, growth_factor, hour_shape
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2024, 1, 1), dt.date(2027, 1, 1))


def shape(**changes: Any) -> Shape:
    values = {
        "night_share": 0.2,
        "peak_local_hour": 14.0,
        "weekend_share": 0.7,
        "summer_share": 0.9,
        "region_offset_h": (0.0,),
        "region_share": (1.0,),
    }
    return Shape(**{**values, **changes})


def work(**changes: Any) -> Workload:
    values: dict[str, Any] = {
        "name": "w", "driver": "own", "reference_date": dt.date(2025, 1, 1), "requests_per_day": 1e6, "growth_per_year": 0.5,
        "growth_decay_per_year": 0.3, "fresh_input_tokens": 10.0, "cached_input_tokens": 20.0, "reasoning_tokens": 30.0,
        "output_tokens": 40.0, "value_usd_per_request": 1.0, "model": "m", "ttft_s": 1.0, "tpot_s": 0.05,
    }  # fmt: skip
    return Workload(**{**values, **changes})


def inputs(*works: Workload, **changes: Any) -> DemandInputs:
    adoption = Adoption(ceiling_users=1e9, reference_users=1e8, reference_date=dt.date(2025, 1, 1), rate_per_year=0.5)
    return DemandInputs(adoption=adoption, shape=shape(**changes), workloads=works or (work(),))


@pytest.mark.parametrize("name", CURVES)
@given(st.floats(0.01, 3), st.floats(1e6, 1e9))
def test_curves_pass_their_reference_rise_and_end_at_the_ceiling(name: str, rate: float, level: float) -> None:
    ceiling = np.array([[2e9]])
    users = CURVES[name](np.array([-2.0, 0, 2, 5000]), ceiling, np.array([[level]]), np.array([[rate]]))[0]
    assert users[1] == pytest.approx(level)
    assert users[3] == pytest.approx(2e9)
    assert (np.diff(users) >= 0).all()


@given(st.floats(0, 2), st.floats(0, 2))
def test_growth_by_its_formula_and_limits(growth: float, decay: float) -> None:
    factor = growth_factor(np.array([-1.0, 0, 1]), growth, decay)
    assert factor[1] == pytest.approx(1)
    assert factor[0] == pytest.approx(np.exp(-growth))
    assert 1 <= factor[2] <= np.exp(growth) * (1 + 1e-12)


@given(st.floats(0, 1), st.floats(0.1, 1.5), st.floats(0, 24), st.booleans())
def test_the_months_hours_add_up_to_its_days(night: float, weekend: float, peak: float, deferrable: bool) -> None:
    out = asked(
        inputs(work(deferrable=deferrable), night_share=night, weekend_share=weekend, peak_local_hour=peak), AXIS
    )
    days = AXIS.hours / 24
    assert AXIS.month_total(out.requests_per_h)[0, 0] == pytest.approx(out.requests_per_day[0, 0] * days)


def test_regions_flatten_the_day() -> None:
    one = hour_shape(shape())
    world = hour_shape(shape(region_offset_h=(0.0, 12.0), region_share=(0.5, 0.5)))
    assert one.mean() == pytest.approx(1)
    assert world.max() - world.min() < 1e-9
    assert int(one.argmax()) in (13, 14)


def test_deferrable_work_is_asked_evenly() -> None:
    out = asked(inputs(work(deferrable=True)), AXIS)
    per_day = out.requests_per_h[0, 0]
    assert per_day.max(axis=(1, 2)) == pytest.approx(per_day.min(axis=(1, 2)))


def test_users_drive_what_users_drive() -> None:
    out = asked(inputs(work(driver="users", reach_share=0.5, requests_per_user_day=4.0, growth_per_year=0.0)), AXIS)
    winter = [i for i, s in enumerate(AXIS.season) if s == 0]
    assert out.requests_per_day[0, 0, winter] == pytest.approx(out.weekly_users[0, winter] * 2.0)


def test_members_come_first() -> None:
    out = asked(inputs(work(requests_per_day=np.array([1e6, 2e6, 3e6]))), AXIS)
    assert out.requests_per_day.shape == (3, 1, AXIS.months)
    assert out.requests_per_day[2] == pytest.approx(3 * out.requests_per_day[0])
