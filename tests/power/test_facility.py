"""A facility by the hour: laws of energy, weather and load, and worked examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.catalog.climates import SOURCES, climate
from gigaplan.plan.resolve.cooling import cooling_of
from gigaplan.power.cooling_inputs import Cooling, Rejection
from gigaplan.power.facility import EVAPORATION_J_PER_L, J_PER_KWH, facility_hours, loss_share
from gigaplan.vocabulary.errors import InputError

KINDS = tuple(Rejection)
TEMPERATURE = st.floats(-30.0, 45.0)
DEPRESSION = st.floats(0.0, 20.0)
LOAD = st.floats(0.05, 1.0)


def plant(kind: Rejection = Rejection.DRY, **changes: Any) -> Cooling:
    return replace(cooling_of(catalog.load(), kind), **changes)


def at(one: Cooling, dry: Any, wet: Any, load: Any = 0.8) -> Any:
    return facility_hours(one, np.asarray(dry, float), np.asarray(wet, float), load)


@settings(max_examples=60)
@given(st.sampled_from(KINDS), TEMPERATURE, DEPRESSION, LOAD)
def test_parts_add_up_and_pue_is_no_less_than_one(kind: Rejection, dry: float, below: float, load: float) -> None:
    found = at(plant(kind), dry, dry - below, load)
    parts = [
        found.transformer_share,
        found.ups_share,
        found.busway_share,
        found.chiller_share,
        found.fan_share,
        found.pump_share,
        found.other_share,
    ]
    assert all(p >= 0 for p in parts)
    assert found.pue >= 1
    assert found.facility_share == pytest.approx(load + sum(parts), rel=1e-12)
    assert found.water_l >= 0
    assert 0 <= found.chilled_share <= 1


@settings(max_examples=60)
@given(st.sampled_from(KINDS), TEMPERATURE, DEPRESSION, LOAD, st.floats(0.1, 10.0))
def test_warmer_weather_never_lowers_pue(kind: Rejection, dry: float, below: float, load: float, warmer: float) -> None:
    one = plant(kind)
    before, after = at(one, dry, dry - below, load), at(one, dry + warmer, dry + warmer - below, load)
    assert after.pue >= before.pue * (1 - 1e-12)
    wetter = at(one, dry, dry - below + min(warmer, below), load)  # the same air with more water in it
    assert wetter.pue >= before.pue * (1 - 1e-12)


@settings(max_examples=30)
@given(st.sampled_from(KINDS), TEMPERATURE, DEPRESSION, st.floats(0.05, 0.95), st.floats(0.001, 0.05))
def test_more_load_never_draws_less(kind: Rejection, dry: float, below: float, load: float, more: float) -> None:
    one = plant(kind)
    assert at(one, dry, dry - below, load + more).facility_share >= at(one, dry, dry - below, load).facility_share


def test_a_scalar_a_vector_and_members_agree() -> None:
    dry, wet = np.array([5.0, 20.0, 35.0]), np.array([3.0, 15.0, 22.0])
    supply = np.array([27.0, 40.0])
    every = at(plant(liquid_supply_c=supply), dry, wet)
    assert every.pue.shape == (2, 3)
    for m, c in enumerate(supply):
        for k in range(3):
            one = at(plant(liquid_supply_c=float(c)), dry[k], wet[k])
            assert every.pue[m, k] == pytest.approx(float(one.pue), rel=1e-13)
            assert every.water_l[m, k] == pytest.approx(float(one.water_l), rel=1e-13)


def test_worked_example_a_tower_in_mild_weather() -> None:
    """No chiller: a tower evaporates its share of the heat, and blow-down adds a third at four cycles."""
    one = plant(Rejection.TOWER)
    found = at(one, 12.0, 8.0, 1.0)
    assert found.free
    rooms = sum((one.ups_no_load, one.ups_proportional, one.ups_square, one.busway_square))
    evaporated = 0.85 * (1 + rooms) * J_PER_KWH / EVAPORATION_J_PER_L
    assert found.water_l == pytest.approx(evaporated * 4 / 3, rel=1e-12)


def test_worked_example_a_chiller() -> None:
    """At full load, with water needed 20 degrees below the dry bulb plus approach, all heat is chilled by Carnot's
    share."""
    one = plant(liquid_share=1.0, liquid_supply_c=22.0, exchanger_c=2.0, ups_no_load=0.0, ups_proportional=0.0)
    one = replace(one, ups_square=0.0, busway_square=0.0)
    found = at(one, 32.0, 20.0, 1.0)
    lift = 32 + 8 - 20 + 10
    assert found.chiller_share == pytest.approx(lift / (0.55 * 293.15), rel=1e-12)
    assert found.water_l == 0


def test_warm_water_is_cooled_free_more_often_than_cold() -> None:
    weather = climate("dallas")
    hours = [
        at(plant(liquid_share=1.0, liquid_supply_c=c), weather.dry_bulb_c, weather.wet_bulb_c).chiller_share.mean()
        for c in (20.0, 30.0, 45.0)
    ]
    assert hours[0] > hours[1] > hours[2]


def test_losses_have_three_parts_and_none_pass_unnoticed() -> None:
    assert loss_share(0.5, 0.01, 0.02, 0.04) == pytest.approx(0.01 + 0.01 + 0.01)
    assert at(plant(), 5.0, 3.0, 0.0).pue == np.inf
    rectifiers = at(plant(), 5.0, 3.0, 0.8).rectifier_share / 0.8
    assert rectifiers == pytest.approx(1 - float(catalog.load().find("node_draw", "psu_efficiency").number), abs=0.015)


@pytest.mark.parametrize("dry,wet,load", [(np.nan, 5.0, 0.5), (80.0, 5.0, 0.5), (20.0, 15.0, 1.2), (20.0, 15.0, -0.1)])
def test_impossible_weather_and_load_are_refused(dry: float, wet: float, load: float) -> None:
    with pytest.raises(InputError):
        at(plant(), dry, wet, load)


def test_every_climate_is_whole_and_its_wet_bulb_below_its_dry() -> None:
    for name in SOURCES:
        one = climate(name)
        assert len(one.hour) >= 8760
        assert set(one.month) == set(range(1, 13))
        assert set(one.hour) == set(range(24))
        assert (one.wet_bulb_c <= one.dry_bulb_c + 0.11).all()
