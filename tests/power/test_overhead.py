"""A facility in a plan: by month and hour, close to every hour of its weather, and through every door."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.catalog.climates import climate
from gigaplan.plan.resolve.cooling import cooling_of
from gigaplan.power.cooling_inputs import Rejection
from gigaplan.power.facility import facility_hours
from gigaplan.power.overhead import overhead

PLAN = "neocloud-100mw"


@pytest.mark.parametrize("kind", Rejection)
@pytest.mark.parametrize("place", ["dallas", "north_minnesota"])
def test_the_curve_is_close_to_every_hour(kind: Rejection, place: str) -> None:
    at, plant = climate(place), cooling_of(catalog.load(), kind)
    short = overhead(plant, at.month, at.hour, at.dry_bulb_c, at.wet_bulb_c)
    for load in (0.3, 0.5, 0.79, 1.0):
        every = facility_hours(plant, at.dry_bulb_c, at.wet_bulb_c, load)
        mean = float(every.facility_share.mean()) / load
        assert short.pue(load) == pytest.approx(mean, abs=0.0015 if load < 1 else 0.004)
        assert short.water_l.at(load).mean() == pytest.approx(float(every.water_l.mean()), rel=0.05, abs=0.01)
    assert short.peak == pytest.approx(float(facility_hours(plant, at.dry_bulb_c, at.wet_bulb_c, 1.0).pue.max()))


def run(**changes: Any) -> Any:
    return gp.run(PLAN, changes={"uncertainty.members": 1, **{k.replace("__", "."): v for k, v in changes.items()}})


def test_a_plan_follows_its_weather() -> None:
    plain = run()
    hot = run(power__facility__weather="dallas")
    cold = run(power__facility__weather="north_minnesota")
    tower = run(power__facility__weather="dallas", power__facility__cooling="tower")

    def total(result: Any, name: str) -> float:
        return float(result.central(name).sum())

    assert total(plain, "water_m3") == 0
    assert total(hot, "water_m3") == 0
    assert 1.0 < total(tower, "water_m3") / total(tower, "it_energy_mwh") < 2.5
    ratio = [total(r, "facility_energy_mwh") / total(r, "it_energy_mwh") for r in (hot, cold, tower)]
    assert ratio[0] > ratio[1] > 1
    assert ratio[0] > ratio[2] > 1
    power = hot.central("overhead_energy_mwh")
    months = power[..., 6:18].sum(axis=tuple(range(power.ndim - 1)))
    assert months.max() > 1.3 * months.min()


def test_members_draw_the_plant_and_the_central_one_stays() -> None:
    many = gp.run(PLAN, changes={"uncertainty.members": 8, "power.facility.weather": "dallas"})
    one = run(power__facility__weather="dallas")
    assert many.central("overhead_energy_mwh").sum() == pytest.approx(one.central("overhead_energy_mwh").sum())
    energy = np.asarray(many.arrays["overhead_energy_mwh"] if hasattr(many, "arrays") else many["overhead_energy_mwh"])
    assert np.ptp(energy.reshape(8, -1).sum(axis=1)) > 0


@pytest.mark.parametrize(
    "changes,words",
    [
        ({"power.facility.weather": "dallas", "power.facility.pue": 1.2}, "follows from the weather"),
        ({"power.facility.cooling": "tower"}, "no effect without weather"),
        ({"power.facility.weather": "atlantis"}, "atlantis"),
    ],
)
def test_what_can_not_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(gp.PlanError, match=words):
        gp.run(PLAN, changes=changes)


def test_water_and_overhead_are_explained() -> None:
    result = run(power__facility__weather="dallas", power__facility__cooling="tower")
    text = str(gp.to_json(gp.explain(result, "water_m3")))
    assert "dallas" in text
    assert gp.explain(result, "loss_energy_mwh")
