"""Every hour of the calendar against the days that stand for their like: the same plan, nearly the same answer."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from gigaplan import plan
from gigaplan.results.result import Result
from gigaplan.simulate import laws
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAY_TYPES, HOURS, LONGEST_MONTH, Resolution

MEGABYTE = 1e6
PLANS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ten gigawatts": ("announced-2025-09", ()),
    # a small plan short of GPUs: who calls at night is served, who waits for the night mostly not
    "scarcity with deferrable work": (
        "neocloud-100mw",
        (
            "demand.workloads.batch.requests_per_day=240e6",
            "demand.workloads.agents.requests_per_day=135e6",
            "demand.workloads.agents.guaranteed_share=20 %",
        ),
    ),
}
TOTALS = (
    "facility_energy_mwh",
    "energy_cost_usd",
    "tokens_served_per_day",
    "requests_served_per_day",
    "gpu_hours",
    "training_gpu_hours",
    "cost_usd",
    "revenue_usd",
    "value_served_usd",
    "workload_cost_usd",
)
EACH_YEAR = ("facility_energy_mwh", "energy_cost_usd", "it_energy_mwh", "cost_usd", "training_gpu_hours")
WITHIN = 0.01
WITHIN_A_YEAR = {"ten gigawatts": 0.01, "scarcity with deferrable work": 0.02}
"""The small plan's fleet grows fourfold in the last month of its first year: full at first and idle at the end, where
the month's mean day is neither."""
REFUSED_WITHIN = 0.08
"""Refusals are the thin top of the peak: of what is refused, where that is more than a hundredth of what is asked."""


@cache
def both(name: str) -> tuple[Result, Result]:
    """Return the plan's results: representative days, then every hour."""
    file, changes = PLANS[name]
    kinds, hourly = (simulate(plan.resolve(plan.load(file, [*changes, f"horizon.resolution={r}"]))) for r in Resolution)
    return kinds, hourly


def amounts(result: Result, name: str) -> Array:
    """Return a variable's amounts by month, summed over all else: (month,)."""
    array = result.central(name)
    array = array * result.axis.hours / HOURS if name.endswith("_per_day") else array
    return np.asarray(array.reshape(-1, result.axis.months).sum(axis=0))


def by_year(result: Result, name: str) -> Array:
    return np.bincount(result.axis.year_of_month, weights=amounts(result, name))


@pytest.mark.parametrize("variable", TOTALS)
@pytest.mark.parametrize("name", PLANS)
def test_totals_agree(name: str, variable: str) -> None:
    kinds, hourly = (amounts(r, variable).sum() for r in both(name))
    assert kinds > 0
    assert hourly == pytest.approx(kinds, rel=WITHIN)


@pytest.mark.parametrize("variable", EACH_YEAR)
@pytest.mark.parametrize("name", PLANS)
def test_energy_and_cost_agree_in_every_year(name: str, variable: str) -> None:
    kinds, hourly = (by_year(r, variable) for r in both(name))
    np.testing.assert_allclose(hourly, kinds, rtol=WITHIN_A_YEAR[name])
    np.testing.assert_allclose(hourly[1:], kinds[1:], rtol=WITHIN)


@pytest.mark.parametrize("name", PLANS)
def test_refusals_agree_where_they_matter(name: str) -> None:
    kinds, hourly = both(name)
    hours = kinds.axis.hours / HOURS

    def sums(result: Result, variable: str) -> Array:
        return np.asarray((result.central(variable) * hours).sum(axis=-1))

    asked, refused = (sums(kinds, f"requests_{what}_per_day") for what in ("asked", "refused"))
    other = sums(hourly, "requests_refused_per_day")
    material = refused > 0.01 * asked
    assert material.any(), "the plan has no scarcity to compare"
    np.testing.assert_allclose(other[material], refused[material], rtol=REFUSED_WITHIN)
    assert (np.abs(other - refused) < 0.005 * asked).all()


@pytest.mark.parametrize("name", PLANS)
def test_both_keep_the_laws_and_the_same_build_out(name: str) -> None:
    kinds, hourly = both(name)
    for result in (kinds, hourly):
        laws.check(result.arrays, result.axis)
    for variable in ("gpus_available", "racks_accepted", "power_state_mw", "capital_usd", "tranche_usd", "run_gpus"):
        np.testing.assert_array_equal(hourly[variable], kinds[variable], err_msg=variable)
    for variable in ("tokens_per_request", "requests_per_gpu_s"):
        np.testing.assert_array_equal(hourly[variable], kinds[variable], err_msg=variable)


def test_the_hours_are_labelled() -> None:
    kinds, hourly = both("ten gigawatts")
    assert kinds.labels["day"] == DAY_TYPES
    assert hourly.labels["day"] == tuple(f"{d:02d}" for d in range(1, LONGEST_MONTH + 1))
    assert hourly["fleet_share"].shape[-2:] == (LONGEST_MONTH, HOURS)
    assert kinds["fleet_share"].shape[-2:] == (len(DAY_TYPES), HOURS)


@pytest.mark.parametrize("name", PLANS)
def test_days_that_a_month_has_not_ask_and_hold_nothing(name: str) -> None:
    _, hourly = both(name)
    padding = hourly.axis.day_counts == 0
    assert padding.any()
    assert (hourly.axis.weight_hours[padding] == 0).all()
    for variable in ("requests_asked_per_h", "requests_by_region_per_h", "requests_refused_per_h", "fleet_share"):
        assert (hourly[variable][..., padding, :] == 0).all(), variable
    assert (hourly["shadow_price_usd_per_gpu_h"][..., padding, :] == 0).all()
    # what is drawn on such days is in no month's energy
    drawn = np.where(padding[..., None], 0.0, hourly["facility_power_mw"]).sum(axis=(-1, -2))
    np.testing.assert_allclose(drawn, hourly["facility_energy_mwh"].sum(axis=1))


@pytest.mark.parametrize("name", PLANS)
def test_every_hour_of_ten_years_stays_small(name: str) -> None:
    """One number for every hour, workload or region; never one for every hour of every site or generation."""
    _, hourly = both(name)
    most = max(len(hourly.labels["workload"]), len(hourly.labels["region"]))
    hours = hourly.axis.months * LONGEST_MONTH * HOURS
    for variable, array in hourly.arrays.items():
        assert array.nbytes <= hours * most * array.itemsize, variable
        assert array.nbytes < 6 * MEGABYTE, variable
    assert sum(a.nbytes for a in hourly.arrays.values()) < 30 * MEGABYTE


def test_weekends_fall_where_the_calendar_has_them() -> None:
    """In the Americas' afternoon, Saturday 5 January 2030 asks less than the Friday before and the Monday after."""
    _, hourly = both("ten gigawatts")
    month = hourly.labels["month"].index("2030-01")
    asked = hourly.central("requests_by_region_per_h")[hourly.labels["region"].index("region_us"), month, :, 20]
    friday, saturday, sunday, monday = asked[3:7]
    assert saturday < 0.95 * friday and sunday < 0.95 * monday
    assert saturday == pytest.approx(sunday, rel=0.01)
    assert friday == pytest.approx(monday, rel=0.01)
