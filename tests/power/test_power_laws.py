from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.power.draw import draw
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.power.outputs import PowerDraw
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2025, 1, 1), dt.date(2026, 1, 1))
CURVE = DrawCurve(idle_share=0.2, busy_share=0.8)


def facility(**changes: Any) -> Facility:
    values = {
        "facility_to_it_peak": 1.3,
        "pue": 1.2,
        "pue_summer_rise": 0.2,
        "loss_share": 0.06,
        "power_price_usd_per_mwh": 70.0,
    }
    return Facility(**{**values, **changes})


def run(rated: Any, busy: Any, facilities: Any = None, curve: DrawCurve = CURVE) -> PowerDraw:
    return draw(
        rated_it_mw=rated,
        utilisation=busy,
        facilities=facilities or [facility()] * rated.shape[1],
        curve=curve,
        axis=AXIS,
    )


def noise(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).random(shape)


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_drawn_rises_with_use_and_never_passes_rated(seed: int) -> None:
    rated, low = noise(seed, 1, 3, 12) * 1e3, noise(seed + 1, 2, 12, 2, 24)
    high = low + (1 - low) * noise(seed + 2, 2, 12, 2, 24)
    idle, busy = run(rated, low), run(rated, high)
    assert (busy.it_mw >= idle.it_mw * (1 - 1e-12)).all()
    assert (busy.it_mw <= rated * (1 + 1e-12)).all()
    parts = busy.it_mwh + busy.losses_mwh + busy.overhead_mwh
    assert np.abs(parts - busy.energy_mwh).max() <= 1e-12 * busy.energy_mwh.max()
    assert busy.energy_mwh.sum(axis=1) == pytest.approx(AXIS.month_total(busy.facility_mw))


def test_each_place_and_member_alone_gives_the_same() -> None:
    rated, busy = noise(1, 2, 3, 12), noise(2, 2, 12, 2, 24)
    pues = np.array([1.15, 1.4])
    facilities = [facility(pue=pues), facility(), facility(power_price_usd_per_mwh=np.array([50.0, 90.0]))]
    every = run(rated, busy, facilities)
    for m in range(2):
        one = run(rated[m : m + 1, :1], busy[m : m + 1], [facility(pue=float(pues[m]))])
        assert every.energy_mwh[m, 0] == pytest.approx(one.energy_mwh[0, 0], rel=1e-12)
        assert every.energy_cost_usd[m, 0] == pytest.approx(one.energy_cost_usd[0, 0], rel=1e-12)


def test_members_are_added_up_some_at_a_time_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    rated, busy, pues = noise(3, 5, 3, 12), noise(4, 5, 12, 2, 24), 1.15 + noise(5, 5) / 4
    together = run(rated, busy, [facility(pue=pues)] * 3)
    for at_once in (1, 2 * 3 * busy[0].size):  # each alone; two, two and one
        monkeypatch.setattr("gigaplan.vocabulary.members.AT_ONCE", at_once)
        apart = run(rated, busy, [facility(pue=pues)] * 3)
        for field in dataclasses.fields(PowerDraw):
            np.testing.assert_array_equal(getattr(apart, field.name), getattr(together, field.name), field.name)


def test_an_idle_fleet_draws_its_idle_share() -> None:
    out = run(np.full((1, 1, 12), 10.0), np.zeros((1, 12, 2, 24)))
    assert out.it_mw == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"busy": 1.2}, "from 0 to 1"),
        ({"busy": np.nan}, "finite"),
        ({"curve": DrawCurve(idle_share=0.9, busy_share=0.5)}, "lower idle_share"),
        ({"facilities": [facility()]}, "1 facilities for 2 places"),
        ({"facilities": [facility(), facility(pue=1.05)]}, r"facilities\[1\].*losses of 6.0%"),
        ({"facilities": [facility(), facility(pue=1.07, pue_summer_rise=0.5)]}, "lowest month"),
    ],
)
def test_what_the_room_cannot_work_with_is_said(wrong: dict[str, Any], said: str) -> None:
    busy = np.full((1, 12, 2, 24), wrong.pop("busy", 0.5))
    with pytest.raises(InputError, match=said):
        run(np.ones((1, 2, 12)), busy, **wrong)
